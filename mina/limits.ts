/**
 * Limits of the uptime service's backend where nothing else is set (uptime-service-backend, src/delegation_backend/constants.go).
 * Pure.
 */

/** A longer body is answered 413 unread. */
export const MAX_BODY_BYTES = 50_000_000;
/** Submissions of one submitter in a rolling hour; REQUESTS_PER_PK_HOURLY. */
export const HOURLY_LIMIT = 120;
