// A merchant's server for tests: https, and each path answers in its own way. `/ok` as the document asks, the
// others as servers do that have trouble. What came in can be asked for by the tests.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const OK = '{\n  "status": 200,\n  "message": "OK"\n}';
const LOGIN =
  '<!DOCTYPE html>\n<html><head><title>Đăng nhập</title></head><body>\n<form action="/login"><input name="user"><input type="password" name="pass"></form>\n</body></html>';
/** If any of it ran, `window.pwned` would be set. */
export const HOSTILE = '<script>window.pwned=1</script><img src=x onerror="window.pwned=1"></script>';

const json = { 'content-type': 'application/json' };
const html = { 'content-type': 'text/html; charset=utf-8' };

/** Path → status, headers, body. */
const answers = {
  '/ok': [200, json, OK],
  '/500': [500, json, '{"error":"Cannot read properties of undefined (reading \'id\')"}'],
  '/503': [503, { ...json, 'retry-after': '120' }, '{"error":"maintenance"}'],
  '/404': [404, html, '<html><body><h1>404 Not Found</h1></body></html>'],
  '/login': [403, html, LOGIN],
  '/login-200': [200, html, LOGIN],
  '/redirect': [301, { location: 'https://www.shop.vn/webhook' }, ''],
  '/rejected': [200, json, '{"status": 422, "message": "Thiếu mã đơn hàng"}'],
  '/gone': [410, json, '{"message":"gone"}'],
  '/hostile': [500, html, HOSTILE],
};

/** Starts one; `certificate` is `good`, `expired` or `other`. */
export async function startReceiver(certificates, { port = 0, certificate = 'good', slowMs = 30_000 } = {}) {
  const seen = [];
  const server = createServer(
    {
      key: readFileSync(`${certificates}/${certificate}.key`),
      cert: readFileSync(`${certificates}/${certificate}.pem`),
    },
    (request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        const path = new URL(request.url, 'https://x').pathname;
        seen.push({ path, headers: request.headers, body: Buffer.concat(parts).toString() });
        const answer = () => {
          const [status, headers, body] = answers[path] ?? answers['/ok'];
          response.writeHead(status, headers).end(body);
        };
        if (path === '/slow') setTimeout(answer, slowMs).unref();
        else answer();
      });
    },
  );
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url, seen, close };
}
