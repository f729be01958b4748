/** Variables of the embedded backend are checked before anything is signed for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBackendEnv } from '../../stack/backend/config.ts';
import { EXIT, UserError } from '../../user-error.ts';

test('variables that are right, empty or not there pass', () => {
  checkBackendEnv({});
  checkBackendEnv({
    REQUESTS_PER_PK_HOURLY: '',
    DELEGATION_WHITELIST_REFRESH_INTERVAL: '',
    VERIFY_SIGNATURE_LAX: '',
    VERIFY_SIGNATURE_DISABLED: '',
    LOG_LEVEL: '',
  });
  checkBackendEnv({
    REQUESTS_PER_PK_HOURLY: '0',
    DELEGATION_WHITELIST_REFRESH_INTERVAL: '1',
    VERIFY_SIGNATURE_LAX: '0',
    VERIFY_SIGNATURE_DISABLED: '1',
    LOG_LEVEL: 'DEBUG',
  });
});

test('all that is wrong is named at once, each with its value and what to do', () => {
  assert.throws(
    () =>
      checkBackendEnv({
        REQUESTS_PER_PK_HOURLY: 'abc',
        DELEGATION_WHITELIST_REFRESH_INTERVAL: '0',
        VERIFY_SIGNATURE_LAX: 'yes',
        VERIFY_SIGNATURE_DISABLED: 'true',
        LOG_LEVEL: 'loud',
      }),
    (error) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.exitCode, EXIT.usage);
      assert.deepEqual(error.message.split('\n').sort(), [
        'DELEGATION_WHITELIST_REFRESH_INTERVAL must be an integer from 1 to 30240, but is "0"',
        'LOG_LEVEL must be one of error, warn, info, debug, but is "loud"',
        'REQUESTS_PER_PK_HOURLY must be an integer of at least 0, but is "abc"',
        'VERIFY_SIGNATURE_DISABLED, if set, should be either 0 or 1, but is "true"',
        'VERIFY_SIGNATURE_LAX, if set, should be either 0 or 1, but is "yes"',
      ]);
      assert.ok(error.hint.length > 0);
      return true;
    },
  );
  for (const REQUESTS_PER_PK_HOURLY of ['-1', '1.5', '1e3', ' 5', '1_000'])
    assert.throws(() => checkBackendEnv({ REQUESTS_PER_PK_HOURLY }), /REQUESTS_PER_PK_HOURLY/);
});
