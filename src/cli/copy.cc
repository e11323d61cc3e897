#include "replicate/copy.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/copy_report.h"
#include "cli/copy_source.h"
#include "cli/open_repository.h"
#include "cli/option_values.h"
#include "cli/session.h"

namespace holdfast::cli {
namespace {

using base::Error;
using base::ErrorKind;

struct Options {
  std::string from;
  std::string to;
  std::vector<std::string> words;
  bool dry_run = false;
  unsigned jobs = 2;
};

// Opens each repository once.
class Repositories {
 public:
  explicit Repositories(Session& session) : session_(session) {}
  const repo::Repository& Open(const config::Repository& settings) {
    auto found = open_.find(settings.name);
    if (found == open_.end())
      found = open_.emplace(settings.name, OpenRepository(session_, settings)).first;
    return found->second;
  }

 private:
  Session& session_;
  std::map<std::string, repo::Repository> open_;
};

// What a word means in the repository that is copied: a source, or a backup of one.
std::map<std::string, std::vector<repo::BackupId>> Chosen(Session& session,
                                                          const repo::Repository& from,
                                                          const std::vector<std::string>& words) {
  std::set<std::string> sources;
  for (std::string& name : repo::ListSources(from)) sources.insert(std::move(name));
  std::map<std::string, std::vector<repo::BackupId>> chosen;
  if (words.empty()) {
    for (const std::string& source : sources) chosen[source];
    return chosen;
  }
  for (const std::string& word : words) {
    const bool configured =
        std::ranges::find(session.config().sources, word, &config::Source::name) !=
        session.config().sources.end();
    if (sources.contains(word) || configured) {
      chosen[word].clear();
      sources.erase(word);
      continue;
    }
    const repo::BackupId id = repo::ResolveBackup(from, word);
    // All of the source is asked for already.
    const auto known = chosen.find(id.source);
    if (known != chosen.end() && known->second.empty()) continue;
    chosen[id.source].push_back(id);
  }
  return chosen;
}

std::vector<CopyRequest> BetweenTwo(Session& session, const Options& options,
                                    Repositories& repositories) {
  if (options.from.empty() || options.to.empty())
    throw Error(ErrorKind::kUsage, "--from and --to go together",
                {"without both, every source is copied to where its configuration says"});
  const config::Repository& from = session.config().RepositoryNamed(options.from);
  const config::Repository& to = session.config().RepositoryNamed(options.to);
  std::vector<CopyRequest> requests;
  for (auto& [source, only] : Chosen(session, repositories.Open(from), options.words))
    requests.push_back({.from = &from, .to = &to, .source = source, .only = std::move(only)});
  return requests;
}

std::vector<CopyRequest> AsConfigured(Session& session, const std::vector<std::string>& words) {
  std::vector<CopyRequest> requests;
  for (const std::string& word : words) {
    if (word.find('/') != std::string::npos)
      throw Error(ErrorKind::kUsage, fmt::format("where is {} to be copied?", word),
                  {"name both repositories: --from and --to"});
    (void)session.config().SourceNamed(word);
  }
  for (const config::Source& source : session.config().sources) {
    const bool meant = words.empty() || std::ranges::find(words, source.name) != words.end();
    if (!meant) continue;
    const config::Repository& from = session.config().RepositoryNamed(source.repository);
    for (const config::Copy& copy : source.copies)
      requests.push_back({.from = &from,
                          .to = &session.config().RepositoryNamed(copy.repository),
                          .source = source.name});
  }
  if (requests.empty())
    throw Error(ErrorKind::kUsage, "no copies are configured",
                {"say which: holdfast copy --from NAME --to NAME",
                 "or let a source have some: copies = [{ repository = \"offsite\" }]"});
  return requests;
}

int Worse(int a, int b) {
  const int attention = ToInt(ExitCode::kAttention);
  if (a == 0 || b == 0) return std::max(a, b);
  if (a == attention || b == attention) return std::max(a, b);
  return b == ToInt(ExitCode::kCorrupt) ? b : a;
}

// A target that is down must not keep the others from their copies.
int CopyOne(Session& session, Repositories& repositories, const CopyRequest& request,
            nlohmann::json& printed) {
  const auto work = [&] {
    return CopySource(session, repositories.Open(*request.from), repositories.Open(*request.to),
                      request);
  };
  const CopyOutcome outcome = base::WithContext(
      [&] {
        return fmt::format("copying {} from {} to {}", request.source, request.from->name,
                           request.to->name);
      },
      work);
  if (session.json()) {
    printed.push_back(CopyJson(request, outcome));
  } else {
    PrintCopy(session, request, outcome);
  }
  WarnOfFailures(session, request, outcome.result);
  return ToInt(CodeOf(outcome.result));
}

int Copy(Session& session, const Options& options) {
  if (!session.options().repository.empty())
    throw Error(ErrorKind::kUsage, "--repository does not say which way to copy",
                {"name both repositories: --from and --to"});
  Repositories repositories(session);
  const bool named = !options.from.empty() || !options.to.empty();
  std::vector<CopyRequest> requests =
      named ? BetweenTwo(session, options, repositories) : AsConfigured(session, options.words);
  nlohmann::json printed = nlohmann::json::array();
  int code = 0;
  for (CopyRequest& request : requests) {
    request.dry_run = options.dry_run;
    request.jobs = options.jobs;
    try {
      code = Worse(code, CopyOne(session, repositories, request, printed));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kCancelled || requests.size() == 1) throw;
      std::string text = error.message();
      for (const std::string& hint : error.hints()) text += "; " + hint;
      session.reporter().Warn(text);
      printed.push_back({{"source", request.source},
                         {"from", request.from->name},
                         {"to", request.to->name},
                         {"error", error.message()}});
      code = Worse(code, ToInt(ExitCodeOf(error.kind())));
    }
  }
  if (session.json()) session.PrintJson({{"copies", std::move(printed)}});
  return code;
}

void Declare(CLI::App& app, Options& options) {
  app.add_option("SOURCE|BACKUP", options.words,
                 "Sources, or single backups of them (default: all sources)");
  app.add_option("--from", options.from, "Repository to copy from")->type_name("NAME");
  app.add_option("--to", options.to, "Repository to copy to")->type_name("NAME");
  TakesNumber(app.add_option("--jobs", options.jobs, "Packs to copy at a time"), 1, 64);
  app.add_flag("--dry-run", options.dry_run, "Copy nothing, and say what would be");
}

}  // namespace

Command CopyCommand() {
  return {.path = "copy",
          .purpose =
              "Copy backups and WAL to another repository: what is missing there, under its own "
              "keys",
          .example =
              "holdfast copy\n"
              "  holdfast copy --from main --to offsite shop\n"
              "  holdfast copy --from offsite --to main shop/20261121T070003Z-4f2a",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<Options>();
            Declare(app, *options);
            return [options](Session& session) { return Copy(session, *options); };
          }};
}

}  // namespace holdfast::cli
