// Typed command-line flags on top of CLI11: every flag knows its kind, its range and its default,
// and every error is one sentence that names the flag, what was found and what was expected.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/cli/values.h"

namespace hotrow {

class FlagSet {
 public:
  // Whether a flag whose value may be left out takes the next word for it ("--flag True"), as the
  // reference's do, or a value only as "--flag=True", so that words may follow it.
  enum class NextWord { kIsNoValue, kIsValue };

  // `about` heads the help text.
  FlagSet(std::string about, std::string version, NextWord next_word = NextWord::kIsNoValue);
  ~FlagSet();
  FlagSet(const FlagSet&) = delete;
  FlagSet& operator=(const FlagSet&) = delete;

  // Flags that follow stand under this heading in the help text.
  void group(std::string heading);

  // The target's value at the time of the call is the flag's default. Targets must outlive parse().
  template <class T>
  void integer(const std::string& name, T& target, IntRange range, const std::string& help) {
    add({name, "INT", help,
         [=, &target](const std::string& text) {
           target = static_cast<T>(parse_integer(name, text, range));
         },
         [&target] { return std::to_string(target); }});
  }
  void real(const std::string& name, double& target, RealRange range, const std::string& help);
  void boolean(const std::string& name, bool& target, const std::string& help);
  void text(const std::string& name, std::string& target, const std::string& help);
  // A word without dashes, by its place among those; `name` is for the help text.
  void word(const std::string& name, std::string& target, const std::string& help);
  // All words without dashes; parse() itself fills the target.
  void words(const std::string& name, std::vector<std::string>& target, const std::string& help);
  void sizes(const std::string& name, std::vector<int64_t>& target, int64_t max, int64_t min_count,
             const std::string& help);

  template <class E>
  using Choices = std::vector<std::pair<std::string, E>>;
  template <class E>
  void choice(const std::string& name, E& target, Choices<E> choices, const std::string& help) {
    const std::string names = list_names(choices);
    add({name, "NAME", help + " (" + names + ")",
         [=, &target](const std::string& text) {
           for (const auto& [word, value] : choices) {
             if (word == text) {
               target = value;
               return;
             }
           }
           reject_choice(name, text, names);
         },
         [=, &target] {
           for (const auto& [word, value] : choices) {
             if (value == target) return word;
           }
           return std::string();
         }});
  }

  // Any flag: `set` takes the text that was given (empty for a bare flag), `show` tells the value
  // in force.
  struct Flag {
    std::string name;  // with dashes
    std::string kind;  // a word for the help text; empty: a value may be left out
    std::string help;
    std::function<void(const std::string&)> set;
    std::function<std::string()> show;
  };
  void add(Flag flag);
  // Another spelling of a flag, as another program has it. Not in the help text.
  void also(const std::string& name, const std::string& spelling);

  // A flag of the reference that this release refuses, unless it has the value that means "off".
  // `instead` completes "expected ...".
  void refused(const std::string& name, const std::string& off, const std::string& instead);

  // Sets all targets. Returns an empty text, or what --help or --version must print: no target is
  // set then.
  std::string parse(int argc, const char* const* argv);
  // After parse: was the flag on the command line?
  bool given(const std::string& name) const;
  // After parse: name without dashes and value in force of every flag that is not refused.
  std::vector<std::pair<std::string, std::string>> settings() const;

 private:
  struct Impl;

  template <class E>
  static std::string list_names(const Choices<E>& choices) {
    std::vector<std::string> names;
    for (const auto& [word, value] : choices) names.push_back(word);
    return join_with_or(names);
  }
  static std::string join_with_or(const std::vector<std::string>& names);
  [[noreturn]] static void reject_choice(const std::string& name, const std::string& text,
                                         const std::string& names);

  std::unique_ptr<Impl> impl_;
};

// Prints the help or the version that parse() gave; false, where it gave none, means that there is
// work to do.
bool show_info(const std::string& info);

}  // namespace hotrow
