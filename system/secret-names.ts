/** Headers and parameters of addresses that carry a credential, by their names. Pure. */

/** Words in such names: X-Api-Key, X-Amz-Security-Token, X-Auth-User, Ocp-Apim-Subscription-Key, … */
const SECRET_NAME =
  /token|secret|passw|credential|cookie|signature|session|api-?key|(^|[-_])(auth|key)([-_]|$)|authori[sz]|authenti/i;
/** Schemes of Authorization (IANA, HTTP Authentication Scheme Registry) in whatever header they stand. */
const SECRET_VALUE = /^(basic|bearer|digest|negotiate|aws4-hmac-sha256|apikey|token)\s/i;

/** Whether a header, or a parameter of a query, by its name carries what others must not read. */
export const isSecretName = (name: string): boolean => SECRET_NAME.test(name);

/** Whether a header does, by its name or by how its value begins. */
export const isSecretHeader = (name: string, value: string): boolean =>
  isSecretName(name) || SECRET_VALUE.test(value);

/** An address that is none as a message may show it: what stands before an @ may be a password. */
export const withoutUser = (text: string): string =>
  text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@');
