// Nhận webhook của Bồ Câu: kiểm tra chữ ký (Standard Webhooks), thời gian và bản gửi trùng.
// Chạy thử: dotnet new web, thay Program.cs bằng tệp này, đặt BOCAU_WEBHOOK_SECRET rồi dotnet run.
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

const int ToleranceSeconds = 300;
var secret = Environment.GetEnvironmentVariable("BOCAU_WEBHOOK_SECRET") ?? "";
var port = Environment.GetEnvironmentVariable("PORT") ?? "8000";

// Một sự kiện có thể đến hai lần: mỗi webhook-id chỉ xử lý một lần. Hãy thay bằng bảng trong CSDL của bạn.
var seen = new ConcurrentDictionary<string, bool>();

bool Verify(string id, string timestamp, string signatures, byte[] body)
{
    if (id == "" || !long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var sentAt))
        return false;
    if (Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - sentAt) > ToleranceSeconds)
        return false;
    if (!secret.StartsWith("whsec_", StringComparison.Ordinal))
        return false;
    var key = Convert.FromBase64String(secret["whsec_".Length..]);
    byte[] content = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
    var expected = Encoding.ASCII.GetBytes("v1," + Convert.ToBase64String(HMACSHA256.HashData(key, content)));
    // Trong 24 giờ sau khi đổi khóa có hai chữ ký, cách nhau bằng dấu cách.
    return signatures.Split(' ').Any(given =>
        CryptographicOperations.FixedTimeEquals(expected, Encoding.UTF8.GetBytes(given)));
}

IResult Answer(int status, string message) => Results.Json(new { status, message }, statusCode: status);

var app = WebApplication.CreateBuilder(args).Build();
app.MapPost("/{**path}", async (HttpRequest request) =>
{
    // Phải dùng nguyên văn nội dung nhận được: giải mã rồi mã hóa lại sẽ làm sai chữ ký.
    using var buffer = new MemoryStream();
    await request.Body.CopyToAsync(buffer);
    var body = buffer.ToArray();
    string Header(string name) => request.Headers[name].ToString();

    var id = Header("webhook-id");
    if (!Verify(id, Header("webhook-timestamp"), Header("webhook-signature"), body))
        return Answer(401, "invalid signature");
    if (!seen.ContainsKey(id))
    {
        using var json = JsonDocument.Parse(body);
        // Xử lý ở đây, ví dụ: if (Header("bocau-event") == "order.created") LuuDonHang(json);
        Console.WriteLine($"{Header("bocau-event")} {Header("bocau-object-id")}");
        seen.TryAdd(id, true);
    }
    return Answer(200, "OK");
});
app.Run($"http://0.0.0.0:{port}");
