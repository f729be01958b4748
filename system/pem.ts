/**
 * Certificates in PEM, as people keep them: with a byte order mark, blanks before a line, text between. Readers differ in what they forgive
 * (OpenSSL skips a mark, Go's encoding/pem does not and finds nothing), so what was read is written anew for all of them.
 */
import { X509Certificate } from 'node:crypto';

const CERTIFICATES =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/** @returns the certificates in the order of the text; what is wrong with it if there are none, or one is broken */
export function certificatesIn(text: string): X509Certificate[] | { problem: string } {
  const blocks = text.match(CERTIFICATES) ?? [];
  if (blocks.length === 0)
    return { problem: 'holds no certificate in PEM (-----BEGIN CERTIFICATE-----)' };
  try {
    return blocks.map((block) => new X509Certificate(block.replace(/^[ \t]+/gm, '')));
  } catch {
    return { problem: 'holds a certificate that is broken' };
  }
}

/** In the one form that every reader takes: no mark, no blanks, lines of 64 characters. */
export const pemOf = (certificates: readonly X509Certificate[]): string =>
  certificates.map((certificate) => certificate.toString()).join('');

const MARK = '\ufeff';

/** Without the byte order mark that some editors put before a text. */
export const withoutMark = (text: string): string =>
  text.startsWith(MARK) ? text.slice(MARK.length) : text;
