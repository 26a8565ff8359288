#include "tools/cli/flag_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <numeric>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr size_t kHelpColumn = 48;

// Smallest number of single-character changes that turn a into b (Levenshtein).
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

struct FlagSet::Impl {
  struct Entry {
    Flag flag;
    bool refused = false;
    std::string text = {};  // as given
    CLI::Option* option = nullptr;
  };

  CLI::App app;
  NextWord next_word;
  std::string group;
  std::deque<Entry> entries;                                  // CLI11 keeps addresses of the texts
  std::map<std::string, std::string, std::less<>> spellings;  // to the flag's own name

  Impl(const std::string& about, NextWord next) : app(about), next_word(next) {}

  void add(Entry entry) {
    Entry& e = entries.emplace_back(std::move(entry));
    const bool may_be_bare = e.flag.kind.empty();
    e.option = may_be_bare && next_word == NextWord::kIsNoValue
                   ? app.add_flag(e.flag.name, e.text, e.flag.help)  // bare: the text "true"
                   : app.add_option(e.flag.name, e.text, e.flag.help)->type_name(e.flag.kind);
    e.option->group(group)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    // A default text would stand in for a value that is left out.
    if (!may_be_bare) {
      e.option->default_str(e.flag.show());
    } else if (next_word == NextWord::kIsValue) {
      e.option->expected(0, 1);
    }
  }

  // CLI11 reads "--flag=" as a flag without a value, which would then eat the next word.
  static void refuse_empty_values(int argc, const char* const* argv) {
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      require(!(word.starts_with("--") && word.ends_with('=')),
              "[{}] has no value: got '{}', expected a value after the '='",
              word.substr(0, word.size() - 1), word);
    }
  }

  // The command line with each flag by its own name.
  std::vector<std::string> respelled(int argc, const char* const* argv) const {
    std::vector<std::string> words(argv, argv + argc);
    for (std::string& word : words) {
      const size_t end = std::min(word.find('='), word.size());
      const auto found = spellings.find(std::string_view(word).substr(0, end));
      if (found != spellings.end()) word.replace(0, end, found->second);
    }
    return words;
  }

  void refuse_unknown() const {
    const std::vector<std::string> left = app.remaining();
    if (left.empty()) return;
    const std::string name = left[0].substr(0, left[0].find('='));
    require(name.starts_with('-'),
            "[command line] has a word too much: got '{}', expected flags only (see --help)", name);
    // A part of a flag's name is as good as one wrong letter: --batch-size is --mini-batch-size.
    const auto distance = [&](const Entry& e) {
      const std::string part = name.substr(std::min(name.find_first_not_of('-'), name.size()));
      const bool is_part = part.size() > 3 && e.flag.name.find(part) != std::string::npos;
      return is_part ? size_t{1} : edit_distance(name, e.flag.name);
    };
    const auto nearest =
        std::min_element(entries.begin(), entries.end(),
                         [&](const Entry& x, const Entry& y) { return distance(x) < distance(y); });
    const bool close = distance(*nearest) <= 1 + name.size() / 4;
    const std::string hint =
        close ? fmt::format("did you mean {}?", nearest->flag.name) : "see --help";
    throw InvalidArgument(
        fmt::format("[{}] is not a flag of this program: got '{}', expected a known flag ({})",
                    name, left[0], hint));
  }

  const Entry& find(const std::string& name) const {
    const auto at = std::find_if(entries.begin(), entries.end(),
                                 [&](const Entry& e) { return e.flag.name == name; });
    require(at != entries.end(), "[FlagSet::given] no such flag: got '{}', expected a flag's name",
            name);
    return *at;
  }
};

FlagSet::FlagSet(std::string about, std::string version, NextWord next_word)
    : impl_(std::make_unique<Impl>(about, next_word)) {
  CLI::App& app = impl_->app;
  app.set_help_flag("-h,--help", "This text")->group("General");
  app.set_version_flag("--version", version, "The version")->group("General");
  app.get_formatter()->column_width(kHelpColumn);
  app.allow_extras();
}

FlagSet::~FlagSet() = default;

void FlagSet::group(std::string heading) { impl_->group = std::move(heading); }

void FlagSet::add(Flag flag) { impl_->add({std::move(flag)}); }

void FlagSet::also(const std::string& name, const std::string& spelling) {
  impl_->spellings[spelling] = impl_->find(name).flag.name;
}

void FlagSet::real(const std::string& name, double& target, RealRange range,
                   const std::string& help) {
  add({name, "NUMBER", help,
       [=, &target](const std::string& text) { target = parse_real(name, text, range); },
       [&target] { return fmt::format("{}", target); }});
}

void FlagSet::boolean(const std::string& name, bool& target, const std::string& help) {
  add({name, "", help, [=, &target](const std::string& text) { target = parse_bool(name, text); },
       [&target] { return std::string(target ? "True" : "False"); }});
}

void FlagSet::text(const std::string& name, std::string& target, const std::string& help) {
  add({name, "TEXT", help, [&target](const std::string& text) { target = text; },
       [&target] { return target; }});
}

void FlagSet::word(const std::string& name, std::string& target, const std::string& help) {
  add({name, "PATH", help, [&target](const std::string& text) { target = text; },
       [&target] { return target; }});
}

void FlagSet::words(const std::string& name, std::vector<std::string>& target,
                    const std::string& help) {
  impl_->app.add_option(name, target, help)
      ->group(impl_->group)
      ->type_name("PATH")
      ->expected(0, CLI::detail::expected_max_vector_size);
}

void FlagSet::sizes(const std::string& name, std::vector<int64_t>& target, int64_t max,
                    int64_t min_count, const std::string& help) {
  add({name, "N-N-...", help,
       [=, &target](const std::string& text) { target = parse_sizes(name, text, max, min_count); },
       [&target] { return fmt::format("{}", fmt::join(target, "-")); }});
}

void FlagSet::refused(const std::string& name, const std::string& off, const std::string& instead) {
  const auto set = [=](const std::string& text) {
    require(!off.empty() && CLI::detail::to_lower(text) == off,
            "[{}] is not in this release: got {}, expected {}", name,
            text.empty() ? "the flag" : "'" + text + "'", instead);
  };
  impl_->add({{name, "", "Refused: not in this release", set, [off] { return off; }}, true});
}

std::string FlagSet::parse(int argc, const char* const* argv) {
  Impl::refuse_empty_values(argc, argv);
  const std::vector<std::string> words = impl_->respelled(argc, argv);
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  try {
    impl_->app.parse(argc, arguments.data());
  } catch (const CLI::CallForHelp&) {
    return impl_->app.help();
  } catch (const CLI::CallForVersion& version) {
    return std::string(version.what()) + "\n";
  } catch (const CLI::ParseError& error) {
    const std::string text = error.what();  // "--flag: 1 required INT missing"
    throw InvalidArgument(
        fmt::format("[{}] has no value: got the end of the command line, expected a value after it",
                    text.substr(0, text.find(':'))));
  }
  impl_->refuse_unknown();
  for (const Impl::Entry& e : impl_->entries) {
    if (e.option->count() == 0) continue;
    require(!e.text.starts_with("--"), "[{}] has no value: got '{}' after it, expected a value",
            e.flag.name, e.text);
    e.flag.set(e.text);
  }
  return {};
}

bool FlagSet::given(const std::string& name) const { return impl_->find(name).option->count() > 0; }

std::vector<std::pair<std::string, std::string>> FlagSet::settings() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Impl::Entry& e : impl_->entries) {
    if (e.refused || !e.flag.name.starts_with("--")) continue;
    out.emplace_back(e.flag.name.substr(2), e.flag.show());
  }
  return out;
}

std::string FlagSet::join_with_or(const std::vector<std::string>& names) {
  std::string text = names[0];
  for (size_t i = 1; i < names.size(); ++i) {
    text += (i + 1 == names.size() ? " or " : ", ") + names[i];
  }
  return text;
}

void FlagSet::reject_choice(const std::string& name, const std::string& text,
                            const std::string& names) {
  throw InvalidArgument(
      fmt::format("ERROR: {}={} is not supported: got '{}', expected {}", name, text, text, names));
}

bool show_info(const std::string& info) {
  std::fputs(info.c_str(), stdout);
  return !info.empty();
}

}  // namespace hotrow
