<?php
// Nhận webhook của Bồ Câu: kiểm tra chữ ký (Standard Webhooks), thời gian và bản gửi trùng.
// Chạy thử: BOCAU_WEBHOOK_SECRET=whsec_… php -S 0.0.0.0:8000 webhook.php
declare(strict_types=1);

const TOLERANCE_SECONDS = 300;

function verify(string $secret, string $id, string $timestamp, string $signatures, string $body): bool
{
    if ($id === '' || !ctype_digit($timestamp) || abs(time() - (int) $timestamp) > TOLERANCE_SECONDS) {
        return false;
    }
    $key = base64_decode(substr($secret, strlen('whsec_')), true);
    if ($key === false || $key === '') {
        return false;
    }
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    // Trong 24 giờ sau khi đổi khóa có hai chữ ký, cách nhau bằng dấu cách.
    foreach (explode(' ', $signatures) as $signature) {
        if (hash_equals($expected, $signature)) {
            return true;
        }
    }
    return false;
}

function answer(int $status, string $message): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode(['status' => $status, 'message' => $message]);
    exit;
}

// Phải dùng nguyên văn nội dung nhận được: giải mã rồi mã hóa lại sẽ làm sai chữ ký.
$body = file_get_contents('php://input');
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$isGenuine = verify(
    getenv('BOCAU_WEBHOOK_SECRET') ?: '',
    $id,
    $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '',
    $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '',
    $body,
);
if (!$isGenuine) {
    answer(401, 'invalid signature');
}

// Một sự kiện có thể đến hai lần: mỗi webhook-id chỉ xử lý một lần. Hãy thay tệp bằng bảng trong CSDL của bạn.
$seen = sys_get_temp_dir() . '/bocau-' . hash('sha256', $id);
if (!file_exists($seen)) {
    $event = $_SERVER['HTTP_BOCAU_EVENT'] ?? '';
    $object = json_decode($body, true, 128, JSON_THROW_ON_ERROR);
    // Xử lý ở đây, ví dụ: if ($event === 'order.created') { luuDonHang($object); }
    error_log("$event " . ($_SERVER['HTTP_BOCAU_OBJECT_ID'] ?? ''));
    touch($seen);
}
answer(200, 'OK');
