// Nhận webhook của Bồ Câu: kiểm tra chữ ký (Standard Webhooks), thời gian và bản gửi trùng.
// Chạy thử: BOCAU_WEBHOOK_SECRET=whsec_… node webhook.mjs
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const TOLERANCE_SECONDS = 300;
const BODY_BYTES_MAX = 1024 * 1024;
const secret = process.env.BOCAU_WEBHOOK_SECRET ?? '';

function verify(id, timestamp, signatures, body) {
  if (!id || !/^\d+$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key.length === 0) return false;
  const signed = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  const expected = Buffer.from(`v1,${signed}`);
  // Trong 24 giờ sau khi đổi khóa có hai chữ ký, cách nhau bằng dấu cách.
  return signatures.split(' ').some((text) => {
    const given = Buffer.from(text);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

async function read(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_BYTES_MAX) return null;
    parts.push(part);
  }
  // Phải dùng nguyên văn nội dung nhận được: giải mã rồi mã hóa lại sẽ làm sai chữ ký.
  return Buffer.concat(parts);
}

function answer(response, status, message) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status, message }));
}

// Một sự kiện có thể đến hai lần: mỗi webhook-id chỉ xử lý một lần. Hãy thay bằng bảng trong CSDL của bạn.
const seen = new Set();

createServer(async (request, response) => {
  const body = await read(request);
  if (body === null) return answer(response, 413, 'too large');
  const header = (name) => String(request.headers[name] ?? '');
  const id = header('webhook-id');
  if (!verify(id, header('webhook-timestamp'), header('webhook-signature'), body)) {
    return answer(response, 401, 'invalid signature');
  }
  if (!seen.has(id)) {
    const event = header('bocau-event');
    const object = JSON.parse(body.toString('utf8'));
    // Xử lý ở đây, ví dụ: if (event === 'order.created') await luuDonHang(object);
    console.log(event, header('bocau-object-id'), Object.keys(object).length);
    seen.add(id);
  }
  answer(response, 200, 'OK');
}).listen(Number(process.env.PORT ?? 8000));
