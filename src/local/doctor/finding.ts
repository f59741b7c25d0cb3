/** What one look at this computer came to. */
export interface Finding {
  /** What was looked at: `port 67/udp`. */
  subject: string;
  status: 'ok' | 'warning' | 'failed';
  message: string;
  /** What to do about it; null where all is well. */
  fix: string | null;
}

export const ok = (subject: string, message: string): Finding => ({ subject, status: 'ok', message, fix: null });
export const warning = (subject: string, message: string, fix: string): Finding => ({
  subject,
  status: 'warning',
  message,
  fix,
});
export const failed = (subject: string, message: string, fix: string): Finding => ({
  subject,
  status: 'failed',
  message,
  fix,
});
