// Each outcome in plain words: what happened (`title`) and what to do (`advice`).
export const outcomes = {
  success: { title: 'Your system received it ({{status}})', advice: '' },
  success_html: {
    title: 'The server answered an HTML page, status {{status}}',
    advice:
      'A 2xx counts as received, but HTML usually means that the URL leads to a web page or a sign-in page. Check the webhook URL.',
  },
  rejected: {
    title: 'The server answered {{status}}, but the body reports error {{bodyStatus}}',
    advice:
      'Your system got it and failed to handle it. See the response body and your own log; once handled, answer {"status": 200, "message": "OK"}.',
  },
  timeout: {
    title: 'The server did not answer in time',
    advice:
      'Answer 200 at once and do the work afterwards, or raise the waiting time in the webhook (at most 25 seconds).',
  },
  dns: {
    title: 'The domain was not found',
    advice: 'Check that the domain in the webhook URL is spelt right and has not expired.',
  },
  connect_refused: {
    title: 'The server refused the connection',
    advice: 'Check that the web server is running and that the port in the webhook URL is right.',
  },
  connect: {
    title: 'The server could not be reached',
    advice: 'Check that the server is running and that its firewall lets connections in from outside.',
  },
  tls_expired: {
    title: 'The TLS certificate has expired',
    advice: 'Renew the domain’s https certificate (for example, run certbot again), then press Resend.',
  },
  tls_not_yet: {
    title: 'The TLS certificate is not valid yet',
    advice: 'Check the certificate’s start date and the server’s clock.',
  },
  tls_name: {
    title: 'The TLS certificate is for another domain',
    advice: 'Install a certificate that was issued for the domain in the webhook URL.',
  },
  tls_issuer: {
    title: 'The TLS certificate is not trusted',
    advice:
      'It is self-signed or lacks the intermediate certificate. Use a trusted authority (such as Let’s Encrypt) and install the full chain.',
  },
  tls: {
    title: 'No secure https connection could be made',
    advice: 'Check that the server speaks TLS 1.2 or later and that the port in the URL is the https one.',
  },
  blocked: {
    title: 'The address was blocked for safety',
    advice:
      'Webhooks go to public addresses only. This domain leads to an internal one; mend its DNS record or use another URL.',
  },
  blocked_header: {
    title: 'A header of the webhook is not allowed any more',
    advice: 'Open the webhook’s settings and take out or rename the header that the error names.',
  },
  protocol: {
    title: 'The response was no valid HTTP or broke off',
    advice: 'Check the web server and the proxy in front of it; responses must be sent in full.',
  },
  interrupted: {
    title: 'The attempt was interrupted on Bồ Câu’s side',
    advice: 'It may or may not have reached your system. Bồ Câu sends it again; drop repeats by webhook-id.',
  },
  login_page: {
    title: 'The server answered an HTML sign-in page, status {{status}}',
    advice:
      'This URL asks for a sign-in, so Bồ Câu cannot get in. Let the webhook’s path in without one and check the signature instead.',
  },
  redirect: {
    title: 'The server redirects to another address ({{status}})',
    advice:
      'Bồ Câu does not follow redirects. Change the webhook URL to the final address (often with or without www, or a / at the end).',
  },
  redirect_login: {
    title: 'The server redirects to a sign-in page ({{status}})',
    advice:
      'This URL asks for a sign-in. Let the webhook’s path in without one and check the signature instead.',
  },
  http_400: {
    title: 'The server did not understand the data (400)',
    advice: 'Check that your code reads JSON from the POST body. The response may say why.',
  },
  http_auth: {
    title: 'The server refused it as not authenticated ({{status}})',
    advice:
      'Check the key in the webhook’s headers and that no application firewall blocks Bồ Câu. If you verify signatures, use the current signing key.',
  },
  http_404: {
    title: 'The server has no such path (404)',
    advice: 'Check the path in the webhook URL.',
  },
  http_405: {
    title: 'The path does not accept POST (405)',
    advice: 'Allow POST on this path of your server.',
  },
  http_410: {
    title: 'The server wants no more (410)',
    advice:
      'The webhook has switched itself off. Mend its URL and switch it on again if you still want events.',
  },
  http_413: {
    title: 'The server finds the data too large (413)',
    advice: 'Raise the server’s body limit (nginx: client_max_body_size) to at least 1 MB.',
  },
  http_429: {
    title: 'The server says there are too many requests (429)',
    advice: 'Bồ Câu will send it again later. Raise your server’s rate limit if this happens often.',
  },
  http_4xx: {
    title: 'The server refused the request ({{status}})',
    advice: 'The response body may say why.',
  },
  http_500: {
    title: 'Your server had an error ({{status}})',
    advice: 'See the error log of your webhook code at this very time, mend it, then press Resend.',
  },
  http_503: {
    title: 'The server is unavailable for now ({{status}})',
    advice: 'The application behind it may be down or overloaded. Bồ Câu sends again as configured.',
  },
  http_other: {
    title: 'The server answered {{status}}',
    advice: 'A webhook must be answered with a 2xx status, such as 200.',
  },
  unknown: { title: 'Sending failed', advice: 'Open the history for details.' },
  reason: {
    no_webhook: {
      title: 'Not sent: no webhook takes this event type',
      advice: 'Add a webhook, or choose this event type in an existing one.',
    },
    webhook_disabled: {
      title: 'Not sent: the webhook is off',
      advice: 'Switch the webhook on, then press Resend.',
    },
    webhook_deleted: {
      title: 'Not sent: the webhook was deleted',
      advice: 'New events go to the webhooks that exist.',
    },
    webhook_gone: {
      title: 'Not sent: the receiver said that it wants no more (410)',
      advice: 'Mend the webhook’s URL, switch it on again, then press Resend.',
    },
    interrupted: {
      title: 'Stopped after several interruptions on Bồ Câu’s side',
      advice: 'Press Resend to try once more; if it fails again, tell the administrator.',
    },
    expired: {
      title: 'Its time in the store ended before it could be delivered',
      advice: 'Bồ Câu no longer sends this event, and will soon remove it from the list.',
    },
    object_erased: {
      title: 'The data of this object was erased on request',
      advice: 'Its content is no longer kept, so this event cannot be sent or resent.',
    },
    filtered: {
      title: 'Not sent: it does not match the webhook’s filter',
      advice: 'Change the filter if you want this event.',
    },
    other: { title: 'Not sent: {{reason}}', advice: '' },
  },
  waiting: {
    pending: 'Waiting for its turn.',
    retrying: 'Will be sent again at {{time}}.',
    exhausted: 'The automatic attempts are used up. Mend the error, then press Resend.',
  },
};
