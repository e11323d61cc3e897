// Times as people and JSON write them. Zones are IANA names ("Asia/Tokyo") from the system's tz
// database.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace holdfast::base {

// Throws Error(kUsage) when the zone is unknown.
void CheckTimeZone(std::string_view zone);
// What local clocks of the zone show beyond UTC at that time. Throws as CheckTimeZone.
std::chrono::seconds ZoneOffset(Time time, std::string_view zone);

// "2026-11-21T16:00:03.250000+09:00"; fractions only when not zero, "Z" for an offset of zero. A
// time whose offset RFC 3339 cannot say (local mean time, with seconds) is given in UTC. For JSON
// and machines.
std::string FormatRfc3339(Time time, std::string_view zone = "UTC");
// "2026-11-21 16:00:03 JST": for people, always with the zone.
std::string FormatForPeople(Time time, std::string_view zone);
// "2026-11-21 16:00:03.25 JST": with all digits that it has, for who will give it back to
// ParseTime.
std::string FormatExactly(Time time, std::string_view zone);
// "20261121T070003Z": for object names, always UTC, whole seconds.
std::string FormatCompactUtc(Time time);

// Accepts RFC 3339 (also with a space for the T, "Z", "+09", "+0900", "+09:00"), or "YYYY-MM-DD
// HH:MM[:SS[.ffffff]]" and "YYYY-MM-DD" in `zone`, also with what the zone is called at that time,
// or UTC, behind it, as it is printed for people. Up to nine digits of a fraction are taken, what
// is finer than a microsecond is dropped. Throws Error(kUsage) on anything else, also on a local
// time that a daylight saving change skips; one that it repeats is refused with the two candidates
// as hints, unless it says which.
Time ParseTime(std::string_view text, std::string_view zone);

// "850 ms", "4.2 s", "3 min 10 s", "2 h 5 min", "3 d 4 h": cut off, not rounded.
std::string FormatDuration(Duration duration);
// "1s", "30m", "1h30m", "2d", "1w", "500ms": each unit once, longest first. Throws Error(kUsage).
Duration ParseDuration(std::string_view text);

}  // namespace holdfast::base
