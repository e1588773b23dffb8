import type { Hours } from "@porchlight/runtime/settings-parsers";

/** Whether a local time lies within the operator's hours: from the first minute up to, not including, the last. */
export function isWithinHours(hours: Hours, time: Date): boolean {
  const minute = time.getHours() * 60 + time.getMinutes();
  const { fromMinute, toMinute } = hours;
  if (fromMinute < toMinute) return minute >= fromMinute && minute < toMinute;
  return minute >= fromMinute || minute < toMinute;
}

/** `22:00-07:00`, as it is configured. */
export function formatHours(hours: Hours): string {
  return `${formatMinute(hours.fromMinute)}-${formatMinute(hours.toMinute)}`;
}

function formatMinute(minute: number): string {
  const hour = Math.floor(minute / 60);
  return `${String(hour).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
}
