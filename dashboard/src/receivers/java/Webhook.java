// Nhận webhook của Bồ Câu: kiểm tra chữ ký (Standard Webhooks), thời gian và bản gửi trùng.
// Chạy thử (Java 17 trở lên): BOCAU_WEBHOOK_SECRET=whsec_… java Webhook.java

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Webhook {
    private static final long TOLERANCE_SECONDS = 300;
    private static final Map<String, String> ENV = System.getenv();
    private static final String SECRET = ENV.getOrDefault("BOCAU_WEBHOOK_SECRET", "");

    // Một sự kiện có thể đến hai lần: mỗi webhook-id chỉ xử lý một lần. Hãy thay bằng bảng trong CSDL của bạn.
    private static final Set<String> SEEN = ConcurrentHashMap.newKeySet();

    public static void main(String[] args) throws IOException {
        int port = Integer.parseInt(ENV.getOrDefault("PORT", "8000"));
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
        server.createContext("/", Webhook::handle);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
    }

    private static void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            // Phải dùng nguyên văn nội dung nhận được: giải mã rồi mã hóa lại sẽ làm sai chữ ký.
            byte[] body = exchange.getRequestBody().readAllBytes();
            String id = header(exchange, "webhook-id");
            if (!verify(id, header(exchange, "webhook-timestamp"), header(exchange, "webhook-signature"), body)) {
                answer(exchange, 401, "invalid signature");
                return;
            }
            if (!SEEN.contains(id)) {
                String event = header(exchange, "bocau-event");
                String json = new String(body, StandardCharsets.UTF_8);
                // Xử lý ở đây, ví dụ: if (event.equals("order.created")) luuDonHang(json);
                System.out.println(event + " " + header(exchange, "bocau-object-id") + " " + json.length());
                SEEN.add(id);
            }
            answer(exchange, 200, "OK");
        }
    }

    static boolean verify(String id, String timestamp, String signatures, byte[] body) {
        if (id.isEmpty() || !timestamp.matches("[0-9]{1,15}") || !SECRET.startsWith("whsec_")) {
            return false;
        }
        if (Math.abs(Instant.now().getEpochSecond() - Long.parseLong(timestamp)) > TOLERANCE_SECONDS) {
            return false;
        }
        byte[] expected = ("v1," + sign(id + "." + timestamp + ".", body)).getBytes(StandardCharsets.US_ASCII);
        // Trong 24 giờ sau khi đổi khóa có hai chữ ký, cách nhau bằng dấu cách.
        for (String given : signatures.split(" ")) {
            if (MessageDigest.isEqual(expected, given.getBytes(StandardCharsets.UTF_8))) {
                return true;
            }
        }
        return false;
    }

    private static String sign(String prefix, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(Base64.getDecoder().decode(SECRET.substring("whsec_".length())), "HmacSHA256"));
            mac.update(prefix.getBytes(StandardCharsets.UTF_8));
            return Base64.getEncoder().encodeToString(mac.doFinal(body));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static String header(HttpExchange exchange, String name) {
        String value = exchange.getRequestHeaders().getFirst(name);
        return value == null ? "" : value;
    }

    private static void answer(HttpExchange exchange, int status, String message) throws IOException {
        byte[] body = "{\"status\": %d, \"message\": \"%s\"}".formatted(status, message).getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("content-type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }
}
