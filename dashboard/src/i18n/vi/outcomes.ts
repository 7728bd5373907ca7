// Each outcome in plain words: what happened (`title`) and what to do (`advice`).
export const outcomes = {
  success: { title: 'Hệ thống của bạn đã nhận ({{status}})', advice: '' },
  success_html: {
    title: 'Máy chủ trả về trang HTML, mã {{status}}',
    advice:
      'Mã 2xx nên được tính là đã nhận, nhưng trả về HTML thường là do URL trỏ vào trang web hoặc trang đăng nhập. Kiểm tra lại Webhook URL.',
  },
  rejected: {
    title: 'Máy chủ trả về {{status}} nhưng nội dung báo lỗi {{bodyStatus}}',
    advice:
      'Hệ thống của bạn đã nhận nhưng xử lý không thành công. Xem nội dung phản hồi và nhật ký phía bạn; khi xử lý xong, trả về {"status": 200, "message": "OK"}.',
  },
  timeout: {
    title: 'Máy chủ không trả lời kịp',
    advice:
      'Hãy trả lời 200 ngay khi nhận rồi xử lý sau, hoặc tăng Thời gian chờ trả lời trong cấu hình (tối đa 25 giây).',
  },
  dns: {
    title: 'Không tìm thấy tên miền',
    advice: 'Kiểm tra tên miền trong Webhook URL có gõ đúng và còn hạn không.',
  },
  connect_refused: {
    title: 'Máy chủ từ chối kết nối',
    advice: 'Kiểm tra máy chủ web có đang chạy, và cổng trong Webhook URL có đúng không.',
  },
  connect: {
    title: 'Không kết nối được đến máy chủ',
    advice: 'Kiểm tra máy chủ đang chạy và tường lửa cho phép kết nối từ bên ngoài.',
  },
  tls_expired: {
    title: 'Chứng chỉ TLS hết hạn',
    advice: 'Gia hạn chứng chỉ https của tên miền (ví dụ chạy lại certbot), rồi bấm Gửi lại.',
  },
  tls_not_yet: {
    title: 'Chứng chỉ TLS chưa có hiệu lực',
    advice: 'Kiểm tra ngày bắt đầu của chứng chỉ và đồng hồ của máy chủ.',
  },
  tls_name: {
    title: 'Chứng chỉ TLS không đúng tên miền',
    advice: 'Cài chứng chỉ được cấp cho đúng tên miền trong Webhook URL.',
  },
  tls_issuer: {
    title: 'Chứng chỉ TLS không được tin cậy',
    advice:
      'Chứng chỉ tự ký hoặc thiếu chứng chỉ trung gian. Dùng chứng chỉ của nhà cung cấp được tin cậy (ví dụ Let’s Encrypt) và cài đủ chuỗi fullchain.',
  },
  tls: {
    title: 'Không lập được kết nối https an toàn',
    advice: 'Kiểm tra máy chủ hỗ trợ TLS 1.2 trở lên và cổng trong URL đúng là cổng https.',
  },
  blocked: {
    title: 'Địa chỉ bị chặn vì lý do an toàn',
    advice:
      'Webhook chỉ gửi đến địa chỉ công khai trên Internet. Tên miền này đang trỏ đến địa chỉ nội bộ; hãy sửa bản ghi DNS hoặc dùng URL khác.',
  },
  blocked_header: {
    title: 'Một header của webhook không còn được phép',
    advice: 'Mở cấu hình webhook và bỏ hoặc đổi tên header được nêu trong lỗi.',
  },
  protocol: {
    title: 'Phản hồi không đúng chuẩn HTTP hoặc bị ngắt giữa chừng',
    advice: 'Kiểm tra máy chủ web và proxy phía trước; phản hồi phải được gửi trọn vẹn.',
  },
  interrupted: {
    title: 'Lần gửi bị gián đoạn phía Bồ Câu',
    advice:
      'Có thể đã hoặc chưa đến hệ thống của bạn. Bồ Câu tự gửi lại; hãy bỏ qua bản trùng theo webhook-id.',
  },
  login_page: {
    title: 'Máy chủ trả về trang đăng nhập HTML, mã {{status}}',
    advice:
      'URL này đòi đăng nhập nên Bồ Câu không vào được. Bỏ yêu cầu đăng nhập cho đường dẫn webhook và kiểm tra bằng chữ ký thay vào đó.',
  },
  redirect: {
    title: 'Máy chủ chuyển hướng sang địa chỉ khác ({{status}})',
    advice:
      'Bồ Câu không đi theo chuyển hướng. Sửa Webhook URL thành địa chỉ cuối cùng (thường là thêm hoặc bỏ www, hay dấu / ở cuối).',
  },
  redirect_login: {
    title: 'Máy chủ chuyển hướng sang trang đăng nhập ({{status}})',
    advice:
      'URL này đòi đăng nhập. Bỏ yêu cầu đăng nhập cho đường dẫn webhook và kiểm tra bằng chữ ký thay vào đó.',
  },
  http_400: {
    title: 'Máy chủ không hiểu dữ liệu (400)',
    advice: 'Kiểm tra code nhận có đọc JSON trong nội dung POST không. Xem phản hồi để biết lý do.',
  },
  http_auth: {
    title: 'Máy chủ từ chối vì chưa xác thực ({{status}})',
    advice:
      'Kiểm tra Thông tin header có khóa đúng, và tường lửa ứng dụng không chặn Bồ Câu. Nếu bạn kiểm tra chữ ký, hãy dùng đúng Khóa ký hiện tại.',
  },
  http_404: {
    title: 'Máy chủ không có đường dẫn này (404)',
    advice: 'Kiểm tra phần đường dẫn trong Webhook URL.',
  },
  http_405: {
    title: 'Đường dẫn không nhận phương thức POST (405)',
    advice: 'Cho phép POST ở đường dẫn này trên máy chủ của bạn.',
  },
  http_410: {
    title: 'Máy chủ báo không nhận nữa (410)',
    advice: 'Webhook đã tự tắt. Sửa Webhook URL rồi bật lại nếu vẫn muốn nhận.',
  },
  http_413: {
    title: 'Máy chủ cho là dữ liệu quá lớn (413)',
    advice: 'Tăng giới hạn kích thước nội dung trên máy chủ (nginx: client_max_body_size) lên ít nhất 1 MB.',
  },
  http_429: {
    title: 'Máy chủ báo quá nhiều yêu cầu (429)',
    advice: 'Bồ Câu sẽ gửi lại sau. Tăng giới hạn tần suất trên máy chủ của bạn nếu gặp thường xuyên.',
  },
  http_4xx: {
    title: 'Máy chủ từ chối yêu cầu ({{status}})',
    advice: 'Xem nội dung phản hồi để biết lý do.',
  },
  http_500: {
    title: 'Máy chủ của bạn gặp lỗi ({{status}})',
    advice: 'Xem nhật ký lỗi của code nhận webhook vào đúng thời điểm này, sửa rồi bấm Gửi lại.',
  },
  http_503: {
    title: 'Máy chủ tạm thời không phục vụ ({{status}})',
    advice: 'Ứng dụng phía sau có thể đang tắt hoặc quá tải. Bồ Câu sẽ tự gửi lại theo cấu hình.',
  },
  http_other: {
    title: 'Máy chủ trả về mã {{status}}',
    advice: 'Webhook cần được trả lời bằng mã 2xx, ví dụ 200.',
  },
  unknown: { title: 'Gửi không thành công', advice: 'Mở Lịch sử để xem chi tiết.' },
  reason: {
    no_webhook: {
      title: 'Không gửi vì chưa có webhook nào nhận loại sự kiện này',
      advice: 'Thêm webhook hoặc chọn thêm loại sự kiện này trong Cấu hình webhook.',
    },
    webhook_disabled: {
      title: 'Không gửi vì webhook đang tắt',
      advice: 'Bật webhook trong Cấu hình webhook rồi bấm Gửi lại.',
    },
    webhook_deleted: {
      title: 'Không gửi vì webhook đã bị xóa',
      advice: 'Sự kiện mới sẽ được gửi đến các webhook hiện có.',
    },
    webhook_gone: {
      title: 'Không gửi vì máy chủ nhận đã báo không nhận nữa (410)',
      advice: 'Sửa Webhook URL, bật lại webhook rồi bấm Gửi lại.',
    },
    interrupted: {
      title: 'Dừng sau nhiều lần bị gián đoạn phía Bồ Câu',
      advice: 'Bấm Gửi lại để thử thêm; nếu vẫn lỗi, hãy báo cho người quản trị.',
    },
    expired: {
      title: 'Hết hạn lưu trữ mà vẫn chưa gửi được',
      advice: 'Bồ Câu không gửi lại sự kiện này nữa và sẽ sớm xóa nó khỏi danh sách.',
    },
    object_erased: {
      title: 'Dữ liệu của đối tượng này đã bị xóa theo yêu cầu',
      advice: 'Nội dung không còn được lưu, nên không thể gửi hay gửi lại sự kiện này.',
    },
    filtered: {
      title: 'Không gửi vì không khớp điều kiện lọc của webhook',
      advice: 'Sửa điều kiện lọc nếu bạn muốn nhận sự kiện này.',
    },
    other: { title: 'Không gửi: {{reason}}', advice: '' },
  },
  waiting: {
    pending: 'Đang chờ đến lượt gửi.',
    retrying: 'Sẽ tự gửi lại lúc {{time}}.',
    exhausted: 'Đã hết số lần gửi tự động. Sửa lỗi rồi bấm Gửi lại.',
  },
};
