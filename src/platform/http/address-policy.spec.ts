import { describe, expect, it } from 'vitest';
import { chooseAddress, isLocal, parseAllowedUrl } from './address-policy.js';

describe('an outgoing connection', () => {
  it.each([
    ['127.0.0.1', '127.255.0.3', '0.0.0.0', '169.254.169.254', '224.0.0.1', '255.255.255.255'],
    [
      '::',
      '::1',
      'fe80::1',
      'ff02::1',
      '::ffff:127.0.0.1',
      '::ffff:169.254.169.254',
      '64:ff9b::7f00:1',
      'localhost',
      '',
    ],
  ])('is not made to this computer or its links', (...addresses) => {
    for (const address of addresses) expect(isLocal(address), address).toBe(true);
  });

  it('is made to everything else, private networks included', () => {
    for (const address of ['8.8.8.8', '10.99.0.1', '192.168.1.1', '172.16.0.1', '2001:db8::1', 'fd99::1']) {
      expect(isLocal(address), address).toBe(false);
    }
  });

  it('takes the first address that it may', () => {
    expect(chooseAddress('a', ['127.0.0.1', '10.0.0.1'], {})).toBe('10.0.0.1');
    expect(chooseAddress('a', ['127.0.0.1', '10.0.0.1'], { allowLocal: true })).toBe('127.0.0.1');
    expect(() => chooseAddress('a', ['127.0.0.1', '::1'], {})).toThrow(/127.0.0.1, ::1 is this computer or its link/);
    expect(() => chooseAddress('a', [], {})).toThrow(/it has no address/);
  });
});

describe('an outgoing URL', () => {
  it('is HTTP or HTTPS, unless said otherwise', () => {
    expect(parseAllowedUrl('http://a/b', {}).href).toBe('http://a/b');
    for (const url of ['file:///etc/passwd', 'ftp://a/', 'javascript:alert(1)', 'gopher://a/', 'data:,x']) {
      expect(() => parseAllowedUrl(url, {})).toThrow(/only https: and http:/);
    }
    expect(() => parseAllowedUrl('http://a/', { schemes: ['https:'] })).toThrow(/only https:/);
  });

  it('is whole and holds no password', () => {
    for (const url of ['', 'a/b', 'http://', 'http://a b/']) expect(() => parseAllowedUrl(url, {})).toThrow(/as a URL/);
    expect(() => parseAllowedUrl('http://me:secret@a/', {})).toThrow(/must not hold/);
    expect(() => parseAllowedUrl('http://me:secret@a/', {})).not.toThrow(/secret/);
  });

  it('cannot hide an address in an odd spelling', () => {
    for (const url of ['http://2130706433/', 'http://0x7f.1/', 'http://127.1/', 'http://[::ffff:7f00:1]/']) {
      const host = parseAllowedUrl(url, {}).hostname.replace(/^\[|\]$/g, '');
      expect(() => chooseAddress(host, [host], {}), url).toThrow(/is this computer/);
    }
  });
});
