// What an attacker would try with a request that was signed: all of it must be refused.

const without = (headers, name) =>
  Object.fromEntries(Object.entries(headers).filter(([known]) => known !== name));

/** Variations of a request that no library may take. */
export function forgeries({ headers, body }) {
  const signature = headers['webhook-signature'];
  const at = Number(headers['webhook-timestamp']);
  const with_ = (changed) => ({ headers: { ...headers, ...changed }, body });
  const mangled = signature.replaceAll(/v1,(.)/g, (_, first) => `v1,${first === 'A' ? 'B' : 'A'}`);
  return [
    { what: 'a byte more', headers, body: `${body} ` },
    { what: 'an empty body', headers, body: '' },
    { what: 'a body cut off', headers, body: body.slice(0, -1) },
    { what: 'another body', headers, body: '{"forged":true}' },
    { what: 'a signature mangled', ...with_({ 'webhook-signature': mangled }) },
    {
      what: 'a signature cut off',
      ...with_({ 'webhook-signature': signature.replaceAll(/.{4}(?= |$)/g, '') }),
    },
    { what: 'an empty signature', ...with_({ 'webhook-signature': '' }) },
    { what: 'a signature of no version', ...with_({ 'webhook-signature': signature.replaceAll('v1,', '') }) },
    { what: 'another version', ...with_({ 'webhook-signature': signature.replaceAll('v1,', 'v2,') }) },
    { what: 'no signature', headers: without(headers, 'webhook-signature'), body },
    { what: 'another id', ...with_({ 'webhook-id': 'evt_00000000000000000000000000' }) },
    { what: 'no id', headers: without(headers, 'webhook-id'), body },
    { what: 'a later moment', ...with_({ 'webhook-timestamp': String(at + 1) }) },
    { what: 'stale', ...with_({ 'webhook-timestamp': String(at - 3600) }) },
    { what: 'from the future', ...with_({ 'webhook-timestamp': String(at + 3600) }) },
    { what: 'no number for a moment', ...with_({ 'webhook-timestamp': 'now' }) },
    { what: 'no moment', headers: without(headers, 'webhook-timestamp'), body },
  ];
}
