/** What a report can be rendered as. */
export const REPORT_FORMATS = [
  'markdown',
  'html',
  'json',
  'junit',
  'commands',
  'terminal',
] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];
