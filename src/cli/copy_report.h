// What a copy did, or would do, in words and as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "cli/copy_source.h"

namespace holdfast::cli {

nlohmann::json CopyJson(const CopyRequest& request, const CopyOutcome& outcome);
void PrintCopy(Session& session, const CopyRequest& request, const CopyOutcome& outcome);
// Warns of every failure. Warnings of the run itself were said already.
void WarnOfFailures(Session& session, const CopyRequest& request,
                    const replicate::CopyResult& result);

}  // namespace holdfast::cli
