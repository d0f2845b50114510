# Completion of kd for bash. In ~/.bashrc: source <(kd completion bash)
_kd() {
    local line=${COMP_LINE:${#COMP_WORDS[0]}} at=$((COMP_POINT - ${#COMP_WORDS[0]})) word=${COMP_WORDS[COMP_CWORD]} each
    # Bash takes words apart at ':' and '=', which recipes' names and settings have.
    local whole=${line:0:at}
    whole=${whole##* }
    local before=${whole%"$word"}
    COMPREPLY=()
    while IFS= read -r each; do
        [[ -n $each && $each == "$whole"* ]] && COMPREPLY+=("${each#"$before"}")
    done < <("${COMP_WORDS[0]}" "[suggest:$at]" "$line" 2>/dev/null)
}
complete -o default -F _kd kd
