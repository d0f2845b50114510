# Completion of kd for fish. In ~/.config/fish/config.fish: kd completion fish | source
function __kd_complete
    set -l line (commandline -cp)
    set -l program (commandline -opc)[1]
    set -l rest (string sub -s (math (string length -- $program) + 1) -- $line)
    $program "[suggest:"(string length -- $rest)"]" "$rest" 2>/dev/null
end
complete -c kd -a '(__kd_complete)'
