#include "restore/export.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>
#include <optional>

#include "base/counted.h"
#include "base/size_text.h"
#include "cli/chosen_backup.h"
#include "cli/commands.h"
#include "cli/option_values.h"
#include "cli/session.h"
#include "cli/source_access.h"
#include "cli/source_places.h"
#include "cli/table.h"
#include "cli/tablespace_words.h"

namespace holdfast::cli {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view kStream = "-";

struct Options {
  std::string backup;
  std::string to;
  std::string format;
  std::string password_file;
  std::vector<std::string> tablespaces;
  unsigned jobs = 2;
  bool dry_run = false;
};

bool IsStream(const Options& options) { return options.to == kStream; }

restore::ExportFormat FormatOf(const Options& options) {
  if (const auto format = restore::ParseExportFormat(options.format)) return *format;
  if (IsStream(options)) return restore::ExportFormat::kTar;
  if (options.to.empty()) return restore::ExportFormat::kTarZst;
  if (const auto ending = restore::OtherArchiveEnding(options.to); !ending.empty()) {
    throw Error(ErrorKind::kUsage, fmt::format("no export is made as a {} file", ending.substr(1)),
                {"end --to in .tar, .tar.gz, .tar.zst or .7z",
                 "--format directory if a directory is to be called so"});
  }
  return restore::ExportFormatOf(options.to);
}

void CheckStream(Session& session, const Options& options, restore::ExportFormat format) {
  if (!IsStream(options)) return;
  if (format == restore::ExportFormat::kDirectory || format == restore::ExportFormat::k7z) {
    throw Error(ErrorKind::kUsage,
                fmt::format("format {} cannot be written to standard output",
                            restore::ExportFormatName(format)),
                {"give --to a name", "tar, tar.gz and tar.zst can be streamed"});
  }
  if (session.json()) {
    throw Error(ErrorKind::kUsage, "--json and the archive both want standard output",
                {"give --to a name"});
  }
  if (session.invocation().data_on_terminal && !options.dry_run) {
    throw Error(ErrorKind::kUsage, "an archive is not written to a terminal",
                {"pipe it into something: | tar -x -C DIR", "or give --to a name"});
  }
}

// The first line of the file.
std::string PassphraseIn(Session& session, const Options& options, restore::ExportFormat format) {
  if (options.password_file.empty()) return {};
  if (format != restore::ExportFormat::k7z) {
    throw Error(ErrorKind::kUsage, "--password-file is for 7z: nothing else here encrypts",
                {"--format 7z, or pipe the stream into a program that encrypts"});
  }
  const base::Bytes bytes =
      base::ReadFile(session.invocation().working_directory / options.password_file);
  std::string line(base::AsText(bytes).substr(0, base::AsText(bytes).find('\n')));
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} has no passphrase in its first line", options.password_file));
  }
  return line;
}

// Where it goes when nothing is said: beside whoever asked, under the backup's own name.
base::Path PlaceOf(Session& session, const Options& options, const repo::BackupId& backup,
                   restore::ExportFormat format) {
  if (IsStream(options)) return {};
  std::string name = options.to;
  if (name.empty()) {
    name = backup.ToString();
    name.replace(name.find('/'), 1, "-");
    if (format != restore::ExportFormat::kDirectory)
      name += fmt::format(".{}", restore::ExportFormatName(format));
  }
  return (session.invocation().working_directory / name).lexically_normal();
}

nlohmann::json PlanJson(const Place& place, const restore::RestorePlan& plan,
                        const restore::ExportOptions& exporting) {
  nlohmann::json tablespaces = nlohmann::json::object();
  for (const auto& [oid, path] : plan.tablespaces) tablespaces[std::to_string(oid)] = path.string();
  return {{"backup", plan.backup.id.ToString()},
          {"repository", place.repository->name},
          {"format", restore::ExportFormatName(exporting.format)},
          {"path", exporting.to.string()},
          {"server_version", plan.facts.server_version},
          {"stop_lsn", pg::FormatLsn(plan.facts.stop_lsn)},
          {"tablespaces", std::move(tablespaces)},
          {"files", plan.files},
          {"bytes", plan.bytes},
          {"packs", plan.packs},
          {"warnings", plan.warnings}};
}

void PrintPlan(Session& session, const restore::RestorePlan& plan,
               const restore::ExportOptions& exporting) {
  const std::string to = exporting.to.empty() ? "standard output" : exporting.to.string();
  session.out() << Printable(fmt::format("backup      {}", plan.backup.id.ToString())) << '\n'
                << Printable(fmt::format("to          {}", to)) << '\n'
                << fmt::format("format      {}\n", restore::ExportFormatName(exporting.format))
                << fmt::format("content     {}, {}\n", base::Counted(plan.files, "file"),
                               base::FormatBytes(plan.bytes))
                << fmt::format("start with  PostgreSQL {}\n", plan.facts.server_version / 10000);
  for (const auto& [oid, path] : plan.tablespaces)
    session.out() << Printable(fmt::format("tablespace  {} to {}", oid, path.string())) << '\n';
}

base::File StandardOutput(Session& session) {
  session.out().flush();
  const int copy = ::dup(STDOUT_FILENO);
  if (copy < 0) throw base::SystemError(errno, "cannot write to standard output");
  return {copy, "standard output"};
}

// One export at one place; what it has chosen holds for the next place too.
class Export {
 public:
  Export(Session& session, const Options& options)
      : session_(session), options_(options), format_(FormatOf(options)) {
    CheckStream(session, options, format_);
  }

  int Run() {
    const std::string source = options_.backup.substr(0, options_.backup.find('/'));
    return AtFirstGoodPlace(
        session_,
        {.source = source, .done = "exported", .may_begin_again = [this] { return !streaming_; }},
        [this](const Place& place) { return From(place); });
  }

 private:
  int From(const Place& place) {
    const repo::Repository repository = OpenPlace(session_, *place.repository);
    if (!backup_) backup_ = ChooseBackup(repository, options_.backup);
    const restore::ExportOptions exporting = ExportOptionsOf(place);
    restore::RestorePlan plan = restore::PlanExport(repository, exporting, session_.reporter());
    if (place.is_copy) {
      plan.warnings.push_back(
          fmt::format("this export is from the copy in {}", place.repository->name));
    }
    for (const std::string& warning : plan.warnings) session_.reporter().Warn(warning);
    plan.warnings.insert(plan.warnings.begin(), place.passed_over.begin(), place.passed_over.end());
    if (!options_.dry_run) return Execute(repository, place, plan, exporting);
    if (session_.json()) {
      nlohmann::json object = PlanJson(place, plan, exporting);
      object["dry_run"] = true;
      session_.PrintJson(object);
    } else {
      PrintPlan(session_, plan, exporting);
    }
    return ToInt(plan.warnings.empty() ? ExitCode::kDone : ExitCode::kAttention);
  }

  restore::ExportOptions ExportOptionsOf(const Place& place) {
    restore::ExportOptions exporting;
    exporting.backup = *backup_;
    exporting.format = format_;
    exporting.to = PlaceOf(session_, options_, *backup_, format_);
    exporting.passphrase = PassphraseIn(session_, options_, format_);
    exporting.tablespaces =
        TablespacesIn(options_.tablespaces, session_.invocation().working_directory);
    exporting.precious = PreciousPlaces(session_);
    exporting.jobs = static_cast<int>(options_.jobs);
    exporting.time_zone = session_.config().timezone;
    exporting.others = OthersThan(session_, backup_->source, place);
    return exporting;
  }

  int Execute(const repo::Repository& repository, const Place& place,
              const restore::RestorePlan& plan, const restore::ExportOptions& exporting) {
    std::optional<base::File> stream;
    if (IsStream(options_)) stream = StandardOutput(session_);
    streaming_ = stream.has_value();
    const restore::ExportResult result =
        restore::ExecuteExport(repository, plan, exporting, stream ? &*stream : nullptr,
                               session_.reporter(), session_.stop());
    if (stream) stream->Close();
    for (const std::string& warning : result.warnings) session_.reporter().Warn(warning);
    Tell(place, plan, exporting, result);
    const bool warned = !result.warnings.empty() || !plan.warnings.empty();
    return ToInt(warned ? ExitCode::kAttention : ExitCode::kDone);
  }

  void Tell(const Place& place, const restore::RestorePlan& plan,
            const restore::ExportOptions& exporting, const restore::ExportResult& result) {
    if (session_.json()) {
      nlohmann::json object = PlanJson(place, plan, exporting);
      object["dry_run"] = false;
      object["files"] = result.files;
      object["bytes"] = result.bytes;
      object["bytes_written"] = result.written;
      for (const std::string& warning : result.warnings) object["warnings"].push_back(warning);
      session_.PrintJson(object);
      return;
    }
    const std::string sentence =
        fmt::format("exported {} to {}: {}, {}", plan.backup.id.ToString(),
                    exporting.to.empty() ? "standard output" : exporting.to.string(),
                    base::Counted(result.files, "file"),
                    exporting.format == restore::ExportFormat::kDirectory
                        ? base::FormatBytes(result.bytes)
                        : fmt::format("{} in {}", base::FormatBytes(result.bytes),
                                      base::FormatBytes(result.written)));
    if (exporting.to.empty()) {
      session_.reporter().Note(sentence);
    } else {
      session_.out() << Printable(sentence) << '\n';
    }
  }

  Session& session_;
  const Options& options_;
  const restore::ExportFormat format_;
  std::optional<repo::BackupId> backup_;
  bool streaming_ = false;
};

void Declare(CLI::App& app, Options& options) {
  app.add_option("BACKUP", options.backup,
                 "source/20261121T070003Z-4f2a, a unique prefix of it, or source/latest")
      ->required();
  app.add_option("--to", options.to,
                 "New file, or new or empty directory; - for standard output (default: a file "
                 "here that is called as the backup)")
      ->type_name("PATH|-");
  TakesWord(app.add_option("--format", options.format,
                           "directory, tar, tar.gz, tar.zst or 7z (default: as --to ends, else "
                           "directory; tar for standard output, tar.zst without --to)"),
            restore::ExportFormatNames())
      ->type_name("FORMAT");
  app.add_option("--password-file", options.password_file,
                 "Encrypt a 7z, names too, with the first line of this file; it then holds a tar")
      ->type_name("FILE");
  AddTablespaceOption(app, options.tablespaces);
  TakesNumber(app.add_option("--jobs", options.jobs, "Parallel readers"), 1, 64);
  app.add_flag("--dry-run", options.dry_run, "Check everything, write nothing");
}

}  // namespace

Command ExportCommand() {
  return {.path = "export",
          .purpose =
              "Write a cluster backup as plain files that need no holdfast: a base backup that "
              "PostgreSQL starts on by itself",
          .example =
              "holdfast export shop/latest --to /mnt/usb/shop.tar.zst\n"
              "  holdfast export shop/latest --to /srv/plain/shop\n"
              "  holdfast export shop/latest --to - | ssh other tar -x -C /var/lib/postgresql/new",
          .declare = [](CLI::App& app) -> Action {
            const auto options = std::make_shared<Options>();
            Declare(app, *options);
            return [options](Session& session) { return Export(session, *options).Run(); };
          }};
}

}  // namespace holdfast::cli
