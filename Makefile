# The commands of this repository. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
VENV := target/venv
# What `cargo build` makes.
PROGRAM := $(or $(CARGO_TARGET_DIR),target)/debug/bocau

DASHBOARD_SOURCES := $(shell find dashboard/src dashboard/scripts dashboard/index.html dashboard/*.json dashboard/*.ts \
	-type f 2>/dev/null)

# The behaviour tests that run once more on PostgreSQL, but for the one that moves a node's clock: there, it is the
# database's.
ON_POSTGRES := kind(test) & (package(bocau-engine) + package(bocau-api)) \
	- test(=a_node_is_listed_with_what_it_says_of_itself)

.PHONY: help run dashboard test lint lint-deploy deb fmt bench bench-long fuzz sbom soak simulate mutants

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

dashboard: dashboard/dist/index.html ## Build the pages into dashboard/dist, from where they go into the binary

# Not `npm ci`: it refuses a lock file without the optional packages of other platforms, and npm leaves those out
# where a registry does not offer them.
dashboard/node_modules/.package-lock.json: dashboard/package-lock.json
	cd dashboard && npm install --no-save --no-audit --no-fund
	touch $@

dashboard/dist/index.html: dashboard/node_modules/.package-lock.json $(DASHBOARD_SOURCES)
	cd dashboard && npm run build
	touch $@

# The dev profile, which builds faster than the release profile and has its dependencies optimised.
run: dashboard ## Build, then start the server with a demo on http://127.0.0.1:8080, its data in ./data
	$(CARGO) run --locked -- serve --demo

# What `make test` needs of PyPI.
$(VENV)/.tested-with: xtask/test-requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r xtask/test-requirements.txt
	touch $@

test: dashboard ## Check formatting, lints, all tests, the docs and the repository's own rules
	./xtask/install-test-tools.sh
	$(MAKE) --no-print-directory $(VENV)/.tested-with
	cd dashboard && npm run check
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) run --locked --quiet -p xtask -- with-postgres $(CARGO) nextest run --locked --workspace
	BOCAU_TEST_BACKEND=postgres $(CARGO) run --locked --quiet -p xtask -- with-postgres $(CARGO) nextest run --locked \
		--workspace -E "$(ON_POSTGRES)"
	$(CARGO) build --locked
	BOCAU_BIN=$(PROGRAM) node dashboard/e2e/run.mjs
	BOCAU_BIN=$(PROGRAM) BOCAU_PYTHON=$(VENV)/bin/python node dashboard/e2e/signatures/run.mjs
	BOCAU_BIN=$(PROGRAM) BOCAU_SCHEMATHESIS=$(VENV)/bin/schemathesis node dashboard/e2e/contract/run.mjs
	$(CARGO) test --locked --workspace --doc
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	$(CARGO) run --locked --quiet -p xtask -- tidy

lint: lint-deploy ## Clippy, licences and sources of dependencies, unused dependencies, spelling, deployment
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deny
	$(CARGO) deny --locked check bans licenses sources
	if $(CARGO) deny --locked fetch db; then $(CARGO) deny --locked check advisories --disable-fetch; \
	else echo "NOT CHECKED: the advisories, whose database cannot be fetched from here" >&2; fi
	if (cd dashboard && npm ping >/dev/null 2>&1 && npm audit --omit=dev --json 2>/dev/null | grep -q '"auditReportVersion"'); then \
	(cd dashboard && npm audit --omit=dev --audit-level=high); \
	else echo "NOT CHECKED: npm audit, which this registry does not answer" >&2; fi
	command -v cargo-machete >/dev/null || $(CARGO) install --locked cargo-machete
	cargo-machete
	test -x $(VENV)/bin/typos || { python3 -m venv $(VENV) && $(VENV)/bin/pip install --quiet typos; }
	$(VENV)/bin/typos

lint-deploy: ## Check the image, the compose files, the chart, the systemd unit and the Debian package
	./xtask/lint-deploy.sh $(VENV)

deb: dashboard ## Build the Debian package into target/debian
	$(CARGO) deb --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deb
	$(CARGO) deb --locked -p bocau

# The same properties as in `make test`, with other dice and so many more cases; a failure shows the input.
FUZZ_CASES ?= 200000
FUZZED := test(/propert|every_ipv|an_accepted|any_url_text|whatever/)
fuzz: ## Try the parsers with random input for longer (FUZZ_CASES=200000)
	PROPTEST_CASES=$(FUZZ_CASES) $(CARGO) nextest run --locked -p bocau-domain -E '$(FUZZED)'
	PROPTEST_CASES=$$(($(FUZZ_CASES) / 20)) $(CARGO) nextest run --locked -p bocau-engine -p bocau-api -E '$(FUZZED)'

# The faults of `make test` for longer: what they promise, and the last figures, stand in docs/RELIABILITY.md. What was
# counted is printed; a failure prints its seed, and BOCAU_SEED=… takes the same dice again.
SOAK := test(/soak_|twenty_restarts|fifty_thousand/)
soak: dashboard ## Kill, cut the power, break the network, overload and restore for half an hour (BOCAU_SEED=… for the same dice)
	./xtask/install-test-tools.sh
	$(CARGO) run --locked --quiet -p xtask -- with-postgres $(CARGO) nextest run --locked -p bocau --profile soak \
		--run-ignored only -E '$(SOAK)'

# The simulation of `make test` with more seeds; one that fails prints its log and the command that shows it again.
SEEDS ?= 10000
FROM ?= 1
simulate: ## Take the engine through seeded troubles (SEEDS=10000 FROM=1)
	BOCAU_SIMULATE_SEEDS=$(SEEDS) BOCAU_SIMULATE_FROM=$(FROM) $(CARGO) test --locked -p bocau-engine --test simulation -- \
		--nocapture what_was_taken_in

# Changes the code, one place at a time, and runs the tests that should notice: all of the domain; of the engine, one of so
# many samples, which are dealt in turn (SAMPLE=7 takes another). Who survives is listed, to be read.
SAMPLE ?= 0
SAMPLES ?= 50
QUICKER := PROPTEST_CASES=64 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
MUTANTS := $(QUICKER) $(CARGO) mutants -j2 --test-tool nextest --baseline skip --timeout 240 --no-shuffle --output target/mutants
# Some were missed, or ended by the deadline.
SURVIVORS_ARE_NO_ERROR := { code=$$?; [ $$code = 2 ] || [ $$code = 3 ]; }
mutants: ## See whether the tests notice changes of the domain and of a sample of the engine (SAMPLE=0 of 50; an hour and a half)
	$(CARGO) mutants --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-mutants
	mkdir -p target/mutants/domain target/mutants/engine
	$(MUTANTS)/domain -p bocau-domain || $(SURVIVORS_ARE_NO_ERROR)
	$(MUTANTS)/engine -p bocau-engine --sharding round-robin --shard $(SAMPLE)/$(SAMPLES) || $(SURVIVORS_ARE_NO_ERROR)
	cat target/mutants/*/mutants.out/missed.txt target/mutants/*/mutants.out/timeout.txt

sbom: ## Write what the program is built from (CycloneDX) into target/bocau.cdx.json
	$(CARGO) run --locked --quiet -p xtask -- sbom target/bocau.cdx.json

fmt: ## Format all Rust code
	$(CARGO) fmt --all

# What each of them measures, and how: docs/PERFORMANCE.md.
BENCH := $(CARGO) run --release --locked --quiet -p bocau-bench --

bench: dashboard ## Measure a release build against the machine's own limit, latency, isolation, … (a quarter of an hour)
	$(CARGO) build --release --locked
	$(BENCH) --json target/bench-sqlite.json
	$(BENCH) --postgres --json target/bench-postgres.json

bench-long: dashboard ## Measure a release build with 5,000,000 old deliveries, and with 1,000,000 that wait (10 GB of disk)
	$(CARGO) build --release --locked
	$(BENCH) --only history,memory --json target/bench-long-sqlite.json
	$(BENCH) --postgres --only history,memory --json target/bench-long-postgres.json
