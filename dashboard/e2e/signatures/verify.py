"""Verifies cases of signed requests (JSON on standard input) with the package standardwebhooks of PyPI."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def verifies(case):
    try:
        Webhook(case["secret"]).verify(case["body"], case["headers"])
        return True
    # The library raises ValueError on a signature without a version: that is no acceptance either.
    except (WebhookVerificationError, ValueError):
        return False


cases = json.load(sys.stdin)
wrong = [case["what"] for case in cases if verifies(case) != case["isGood"]]
if wrong or not cases:
    sys.exit(f"PyPI: {len(cases)} cases, wrong: {', '.join(wrong)}")
print(f"PyPI standardwebhooks: {len(cases)} cases as expected")
