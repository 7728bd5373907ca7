"""Lints the Helm chart with Helm itself (its library, from PyPI) and renders it for kubernetes-validate.

    lint_chart.py CHART OUT   # manifests of every ci/*-values.yaml into OUT, one directory each

Values that must not pass the schema are tried as well: a chart that takes them would start nodes that cannot work.
"""

import copy
import sys
from pathlib import Path

import helm_python as helm

KUBE_VERSION = "v1.30.0"
INFO = 1

# What an operator gets wrong, and what the refusal has to name.
POSTGRES = {
    "mode": "postgres",
    "image": {"repository": "registry.example.vn/bocau"},
    "database": {"existingSecret": "bocau-database"},
    "masterKey": {"existingSecret": "bocau-master-key"},
}
REFUSED = [
    (("image", "repository"), "", "repository"),
    (("database", "existingSecret"), "", "database"),
    (("masterKey", "existingSecret"), "", "masterKey"),
    (("mode",), "mysql", "mode"),
    (("replicas",), 0, "replicas"),
    (("replicaCount",), 3, "replicaCount"),
    (("worker", "replicas"), -1, "replicas"),
    (("publicUrl",), "https://bocau.example.vn/under", "publicUrl"),
    (("trustedProxies",), ["10.244.0.0/16,::1"], "trustedProxies"),
    (("ingress",), {"enabled": True, "hosts": []}, "hosts"),
    (("extraEnv",), [{"name": "BOCAU_MASTER_KEY", "value": "x"}], "extraEnv"),
]


def changed(values: dict, path: tuple, value: object) -> dict:
    result = copy.deepcopy(values)
    place = result
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = value
    return result


def lint(chart: Path, name: str, values: dict) -> list[str]:
    """Warnings count as errors."""
    report = helm.lint(chart, values, strict=True, kube_version=KUBE_VERSION)
    messages = [f"{name}: {m['path']}: {m['error']}" for m in report["messages"] if m["severity"] > INFO]
    return messages + [f"{name}: {error}" for error in report["errors"]]


def not_refused(chart: helm.Chart) -> list[str]:
    problems = []
    chart.validate_schema(POSTGRES)
    for path, value, named in REFUSED:
        try:
            chart.validate_schema(changed(POSTGRES, path, value))
        except helm.HelmValuesError as refusal:
            if named not in str(refusal):
                problems.append(f"the refusal of {'.'.join(path)}={value!r} does not name it: {refusal}")
        else:
            problems.append(f"{'.'.join(path)}={value!r} is not refused")
    return problems


def render(chart: helm.Chart, values: dict, out: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    written = 0
    for template, text in chart.render(values, name="events", namespace="bocau", is_install=True).items():
        if template.endswith(".yaml") and text.strip():
            (out / Path(template).name).write_text(text, encoding="utf-8")
            written += 1
    return written


def main() -> int:
    chart_dir, out = Path(sys.argv[1]), Path(sys.argv[2])
    examples = sorted(chart_dir.glob("ci/*-values.yaml"))
    if not examples:
        print(f"{chart_dir}/ci has no *-values.yaml", file=sys.stderr)
        return 1
    problems = []
    with helm.Chart.load(chart_dir) as chart:
        problems += not_refused(chart)
        for example in examples:
            values = helm.values_from_yaml(example.read_text(encoding="utf-8"))
            problems += lint(chart_dir, example.name, values)
            chart.validate_schema(values)
            count = render(chart, values, out / example.stem)
            print(f"{example.name}: {count} manifests by Helm {helm.helm_sdk_version()}")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
