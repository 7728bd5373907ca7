// The document's own words, which a shop's owner looks for on the pages: tai-lieu-webhook, and the names of the pages.
import { expect, test } from 'vitest';
import { vi } from './vi';

test('pages and popups have the names of the document', () => {
  expect(Object.values(vi.shell.nav)).toEqual([
    'Tổng quan',
    'Cấu hình webhook',
    'Sự kiện webhook',
    'Mẫu dữ liệu',
    'Hộp thử',
    'Cài đặt',
  ]);
  expect(vi.webhooks.form.title).toBe('Thêm/sửa cấu hình webhook');
  expect(vi.history.title).toBe('Lịch sử sự kiện');
});

test('the form for a webhook asks in the words of the document', () => {
  const { add, form } = vi.webhooks;
  expect([add, form.url, form.events, form.headers, form.key, form.value]).toEqual([
    'Thêm mới',
    'Webhook URL',
    'Sự kiện',
    'Thông tin header',
    'Key',
    'Value',
  ]);
  expect([form.interval, form.minutes, form.attempts, form.submit]).toEqual([
    'Thời gian gửi lại khi lỗi',
    'phút',
    'Số lần gửi tự động',
    'Cập nhật',
  ]);
});

test('the report has the columns of the document', () => {
  const { number, type, object, responses, status, created, actions } = vi.deliveries.columns;
  expect([number, type, object, responses, status, created, actions]).toEqual([
    'STT',
    'Loại sự kiện',
    'ID đối tượng',
    'Số lần đã xử lý',
    'Trạng thái',
    'Ngày tạo',
    'Hành động',
  ]);
  expect([vi.deliveries.history, vi.deliveries.resend]).toEqual(['Lịch sử', 'Gửi lại']);
});
