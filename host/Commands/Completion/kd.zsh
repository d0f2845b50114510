#compdef kd
# Completion of kd for zsh. In ~/.zshrc, behind compinit: source <(kd completion zsh)
_kd() {
    local line=${BUFFER#"${words[1]}"}
    local -a found
    found=("${(@f)$("${words[1]}" "[suggest:$((CURSOR - ${#words[1]}))]" "$line" 2>/dev/null)}")
    found=(${(M)found:#${PREFIX}*})
    (( ${#found} )) && compadd -- "${found[@]}" || _files
}
compdef _kd kd
