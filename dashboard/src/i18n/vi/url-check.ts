export const urlCheck = {
  too_long: 'URL quá dài: tối đa 2048 byte.',
  invisible_character: 'URL có khoảng trắng hoặc ký tự không nhìn thấy. Hãy xóa và gõ lại URL.',
  backslash: 'URL có dấu gạch chéo ngược “\\”. Hãy dùng “/”.',
  not_https: 'URL phải bắt đầu bằng https:// để dữ liệu được mã hóa trên đường đi.',
  slashes: 'Sau https: phải có đúng hai dấu “/”.',
  user_info:
    'URL không được chứa tên đăng nhập hay mật khẩu (phần trước “@”). Hãy đưa chúng vào Thông tin header.',
  fragment: 'URL không được có phần sau dấu “#”, vì phần này không bao giờ được gửi đi.',
  non_ascii: 'Ký tự “{{character}}” ngoài tên miền phải được mã hóa phần trăm.',
  no_host: 'URL thiếu tên miền, ví dụ https://shop.vn/webhook.',
  percent_in_host: 'Tên miền không được mã hóa phần trăm.',
  address_spelling: 'Địa chỉ IPv4 phải viết bằng bốn số thập phân, ví dụ https://8.8.8.8/.',
  trailing_dot: 'Tên miền không được kết thúc bằng dấu chấm.',
  bad_port: 'Cổng phải là số từ 1 đến 65535.',
  bad_name: 'Tên miền không hợp lệ.',
  inside_name:
    'Tên miền này thường chỉ có nghĩa trong mạng nội bộ. Webhook cần địa chỉ công khai trên Internet.',
  private_address: 'Đây là địa chỉ mạng nội bộ. Webhook cần địa chỉ công khai trên Internet.',
};
