//! The domain's refusals in words for people: what is wrong, and what would be right.

use bocau_domain::address::AddressRefusal;
use bocau_domain::retry::PolicyError;
use bocau_domain::{HeaderRefusal, UrlRefusal};

use crate::problem::{Kind, Problem, Text, text};

/// A URL that a webhook may not have.
pub fn url_refused(pointer: &str, refusal: UrlRefusal) -> Problem {
    bocau_engine::sender::count_blocked(refusal.code());
    Problem::field(Kind::UrlRefused, pointer, url_text(refusal)).because(refusal.code())
}

fn url_text(refusal: UrlRefusal) -> Text {
    let en = refusal.to_string();
    let vi = match refusal {
        UrlRefusal::TooLong => "URL quá dài: tối đa 2048 byte.".to_owned(),
        UrlRefusal::InvisibleCharacter(_) => {
            "URL có khoảng trắng hoặc ký tự không nhìn thấy. Hãy xóa và gõ lại URL.".to_owned()
        }
        UrlRefusal::Backslash => "URL có dấu gạch chéo ngược “\\”. Hãy dùng “/”.".to_owned(),
        UrlRefusal::NotHttps => "URL phải bắt đầu bằng https://.".to_owned(),
        UrlRefusal::Slashes => "Sau https: phải có đúng hai dấu “/”.".to_owned(),
        UrlRefusal::UserInfo => {
            "URL không được chứa tên đăng nhập hay mật khẩu (phần trước “@”). Hãy đưa chúng vào header."
                .to_owned()
        }
        UrlRefusal::Fragment => {
            "URL không được có phần sau dấu “#”, vì phần này không bao giờ được gửi đi.".to_owned()
        }
        UrlRefusal::NonAscii(character) => {
            format!("Ký tự “{character}” ngoài tên miền phải được mã hóa phần trăm.")
        }
        UrlRefusal::NoHost => "URL thiếu tên miền.".to_owned(),
        UrlRefusal::PercentInHost => "Tên miền không được mã hóa phần trăm.".to_owned(),
        UrlRefusal::DisguisedHost(character) => {
            format!("Tên miền có ký tự “{character}” giả dạng chữ hoặc số thường. Hãy gõ bằng ký tự thường.")
        }
        UrlRefusal::AddressSpelling => {
            "Địa chỉ IPv4 phải viết bằng bốn số thập phân, ví dụ https://8.8.8.8/.".to_owned()
        }
        UrlRefusal::ZoneId => "Địa chỉ IPv6 không được có phần sau dấu “%”.".to_owned(),
        UrlRefusal::TrailingDot => "Tên miền không được kết thúc bằng dấu chấm.".to_owned(),
        UrlRefusal::BadPort => "Cổng phải là số từ 1 đến 65535.".to_owned(),
        UrlRefusal::BadName => {
            "Tên miền không hợp lệ. Tên miền gồm chữ, số và dấu gạch nối, ví dụ shop.vn.".to_owned()
        }
        UrlRefusal::InsideName => {
            "Tên miền này chỉ có nghĩa trong mạng nội bộ. Hãy dùng tên miền công khai.".to_owned()
        }
        UrlRefusal::ReservedName => {
            "Tên miền này được dành riêng và không bao giờ có trên Internet.".to_owned()
        }
        UrlRefusal::Address(address) => {
            format!("Webhook phải có địa chỉ công khai trên Internet; đây là {}.", address_vi(address))
        }
        UrlRefusal::Malformed => "URL không hợp lệ. Ví dụ đúng: https://shop.vn/webhook".to_owned(),
    };
    text(vi, en)
}

fn address_vi(refusal: AddressRefusal) -> &'static str {
    match refusal {
        AddressRefusal::PrivateAddress => "địa chỉ mạng nội bộ",
        AddressRefusal::LoopbackAddress => "địa chỉ của chính máy chủ",
        AddressRefusal::LinkLocalAddress => "địa chỉ liên kết cục bộ",
        AddressRefusal::SharedAddress => "địa chỉ dùng chung của nhà mạng",
        AddressRefusal::MetadataAddress => "địa chỉ dịch vụ nội bộ của nhà cung cấp đám mây",
        AddressRefusal::MulticastAddress => "địa chỉ phát nhóm",
        AddressRefusal::DocumentationAddress => "địa chỉ chỉ dùng trong tài liệu",
        AddressRefusal::BenchmarkingAddress => "địa chỉ chỉ dùng để đo kiểm",
        AddressRefusal::ReservedAddress => "địa chỉ được dành riêng",
        AddressRefusal::UnspecifiedAddress => "địa chỉ trống",
        AddressRefusal::EmbeddedIpv4Address => "địa chỉ IPv6 gói một địa chỉ IPv4",
        AddressRefusal::OwnAddress => "địa chỉ của chính Bồ Câu",
    }
}

/// A header that a webhook may not have.
pub fn header_refused(pointer: &str, refusal: HeaderRefusal) -> Problem {
    let vi = match refusal {
        HeaderRefusal::NameNotToken => "Key chỉ gồm chữ không dấu, số và các ký tự !#$%&'*+-.^_`|~.",
        HeaderRefusal::NameTooLong => "Key quá dài: tối đa 200 byte.",
        HeaderRefusal::NameOfConnection => {
            "Key này điều khiển kết nối, nên Bồ Câu tự đặt. Hãy chọn tên khác."
        }
        HeaderRefusal::NameOfOurs => "Key này do Bồ Câu tự đặt cho mỗi lần gửi. Hãy chọn tên khác.",
        HeaderRefusal::NameRepeated => "Key này đã có ở dòng khác (không phân biệt chữ hoa, chữ thường).",
        HeaderRefusal::ValueControlCharacter => "Value có ký tự điều khiển hoặc xuống dòng.",
        HeaderRefusal::ValueNotAscii => "Value chỉ được gồm ký tự ASCII (không dấu).",
        HeaderRefusal::ValueOuterSpace => "Value có khoảng trắng ở đầu hoặc cuối.",
        HeaderRefusal::ValueTooLong => "Value quá dài: tối đa 4096 byte.",
        HeaderRefusal::TooMany => "Quá nhiều header: tối đa 50.",
    };
    Problem::field(Kind::HeaderRefused, pointer, text(vi, refusal.to_string())).because(refusal.code())
}

/// A setting of the delivery policy outside its limits.
pub fn policy_refused(error: PolicyError) -> Problem {
    let wait;
    let (pointer, vi) = match error {
        PolicyError::Wait(place) => {
            wait = format!("/retry_schedule_seconds/{place}");
            (wait.as_str(), "Mỗi thời gian gửi lại từ 1 đến 86400 giây.")
        }
        PolicyError::Attempts => ("/max_attempts", "Số lần gửi tự động từ 1 đến 20."),
        PolicyError::Interval => ("/retry_interval_seconds", "Thời gian gửi lại từ 1 đến 86400 giây."),
        PolicyError::ScheduleLength => {
            ("/retry_schedule_seconds", "Danh sách thời gian gửi lại có từ 1 đến 19 số.")
        }
        PolicyError::Timeout => ("/timeout_seconds", "Thời gian chờ trả lời từ 1 đến 25 giây."),
        PolicyError::ScheduleAndInterval => (
            "/retry_schedule_seconds",
            "retry_schedule_seconds thay cho max_attempts và retry_interval_seconds; chỉ dùng một trong hai cách. Muốn bỏ danh sách, gửi kèm retry_schedule_seconds: null.",
        ),
    };
    Problem::field(Kind::ValidationFailed, pointer, text(vi, error.to_string()))
}

/// An event type that the catalogue does not have.
pub fn unknown_event_type(pointer: &str, name: &str) -> Problem {
    let name = shortened(name);
    let detail = text(
        format!("Không có loại sự kiện “{name}”. Danh sách có ở GET /api/v1/event-types."),
        format!("There is no event type “{name}”. GET /api/v1/event-types lists them."),
    );
    Problem::field(Kind::UnknownEventType, pointer, detail)
}

/// Characters of a client's own words that an answer gives back.
const ECHO_LENGTH_MAX: usize = 100;

/// A client's own words, short enough to be given back.
pub fn shortened(said: &str) -> String {
    match said.char_indices().nth(ECHO_LENGTH_MAX) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}

/// A field that is wrong in a way the API itself knows.
pub fn invalid(pointer: impl Into<String>, vi: &str, en: &str) -> Problem {
    Problem::field(Kind::ValidationFailed, pointer, text(vi, en))
}
