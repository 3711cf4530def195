#include "coordinator/turretctl/completion.h"

#include "CLI/CLI.hpp"
#include "fmt/format.h"

namespace turret::turretctl {
namespace {

// Words that may follow `command`: its commands and its options.
std::string WordsOf(const CLI::App& command) {
  std::string words;
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; }))
    words += sub->get_name() + " ";
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  return words;
}

void AddCases(const CLI::App& command, const std::string& path, std::string& cases) {
  cases += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, WordsOf(command));
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; }))
    AddCases(*sub, path + " " + sub->get_name(), cases);
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string cases;
  AddCases(app, "turretctl", cases);
  return fmt::format(
      R"(# bash completion for turretctl; load with: source <(turretctl completion bash)
_turretctl() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} path=turretctl word words i
  case $previous in
    --format) COMPREPLY=($(compgen -W "wav opus" -- "$current")); return ;;
    --ca|--cert|--key|--config|--save|-o|--output) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    case "$path $word" in
{}    esac
  done
  case $path in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _turretctl turretctl
)",
      [&] {
        std::string paths;
        std::string unused;
        for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
          paths += fmt::format("      \"turretctl {0}\") path=\"turretctl {0}\" ;;\n", sub->get_name());
          for (const CLI::App* inner : sub->get_subcommands([](const CLI::App*) { return true; }))
            paths += fmt::format("      \"turretctl {0} {1}\") path=\"turretctl {0} {1}\" ;;\n",
                                 sub->get_name(), inner->get_name());
        }
        return paths;
      }(),
      cases);
}

}  // namespace turret::turretctl
