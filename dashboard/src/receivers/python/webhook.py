"""Nhận webhook của Bồ Câu: kiểm tra chữ ký (Standard Webhooks), thời gian và bản gửi trùng.

Chạy thử: BOCAU_WEBHOOK_SECRET=whsec_… python3 webhook.py
"""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
BODY_BYTES_MAX = 1024 * 1024
SECRET = os.environ.get("BOCAU_WEBHOOK_SECRET", "")


def verify(id: str, timestamp: str, signatures: str, body: bytes) -> bool:
    if not id or not (timestamp.isascii() and timestamp.isdigit()):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    if not key:
        return False
    signed = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(signed)
    # Trong 24 giờ sau khi đổi khóa có hai chữ ký, cách nhau bằng dấu cách.
    return any(hmac.compare_digest(expected, given.encode()) for given in signatures.split(" "))


# Một sự kiện có thể đến hai lần: mỗi webhook-id chỉ xử lý một lần. Hãy thay bằng bảng trong CSDL của bạn.
seen: set[str] = set()


class Webhook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            return self.answer(413, "too large")
        # Phải dùng nguyên văn nội dung nhận được: giải mã rồi mã hóa lại sẽ làm sai chữ ký.
        body = self.rfile.read(length)
        id = self.headers.get("webhook-id", "")
        timestamp = self.headers.get("webhook-timestamp", "")
        if not verify(id, timestamp, self.headers.get("webhook-signature", ""), body):
            return self.answer(401, "invalid signature")
        if id not in seen:
            event = self.headers.get("bocau-event", "")
            obj = json.loads(body)
            # Xử lý ở đây, ví dụ: if event == "order.created": luu_don_hang(obj)
            print(event, self.headers.get("bocau-object-id"), len(obj), flush=True)
            seen.add(id)
        self.answer(200, "OK")

    def answer(self, status: int, message: str) -> None:
        body = json.dumps({"status": status, "message": message}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ.get("PORT", "8000"))), Webhook).serve_forever()
