using System.Diagnostics;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>What shells are told to complete.</summary>
[Collection("commands")]
public sealed class CompletionTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private static string[] Asked(string line)
    {
        var result = Kd.Call($"[suggest:{line.Length}]", line);
        Assert.Equal(0, result.ExitCode);
        Assert.Equal("", result.Error);
        return result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    [Theory]
    [InlineData("run <RECIPE>")]
    [InlineData("resume <RUN>")]
    [InlineData("explain <CODE>")]
    [InlineData("describe <ID>")]
    public void The_help_names_what_is_completed_and_does_not_list_it(string usage)
    {
        var help = Kd.Call("--help").Output;
        Assert.Matches($@"\n  {usage} +[A-Z]", help);
        Assert.All(help.Split('\n'), line => Assert.InRange(line.Length, 0, 400));
        Assert.DoesNotContain("backward-pass-kd", Kd.Call(usage.Split(' ')[0], "--help").Output);
    }

    [Fact]
    public void Commands_and_options_are_completed()
    {
        Assert.Contains("resume", Asked(" re"));
        Assert.Contains("report", Asked(" re"));
        Assert.Contains("completion", Asked(" comp"));
        Assert.Contains("--max-steps-per-stage", Asked(" run --m"));
        Assert.Contains("--set", Asked(" resume run --s"));
        Assert.Contains("list", Asked(" plugins l"));
        Assert.Equal(["bash", "fish", "zsh"], Asked(" completion ").Where(w => char.IsLetter(w[0])).Order());
        Assert.Contains("onnx", Asked(" export run --format "));
    }

    [Fact]
    public void Recipes_plugins_and_codes_are_completed()
    {
        var at = $" --plugins {Kd.Plugins}";
        Assert.Equal(["icda", "icda-full"], Asked($" run{at} icd"));
        Assert.Contains("quickstart", Asked($" check{at} q"));
        Assert.Contains("icda", Asked($" recipes{at} icd"));
        Assert.Contains("cifar-resnet", Asked($" describe{at} cif"));
        Assert.Contains("kd", Asked($" probe{at} k"));
        Assert.Contains("offline", Asked($" new{at} --method off"));
        Assert.Contains("resnet", Asked($" new{at} --student resn"));
        Assert.Contains("train", Asked($" new{at} --teacher tr"));
        Assert.Contains("image-folder", Asked($" new{at} --dataset image"));
        Assert.Equal(["KDP0550"], Asked(" explain KDP0550"));
        Assert.True(Asked(" explain KDP").Length > 50);
    }

    [Fact]
    public void Runs_are_completed_and_other_folders_are_not()
    {
        Directory.CreateDirectory(_kd.At("mine"));
        File.WriteAllText(Path.Combine(_kd.At("mine"), "origin.json"), "{}");
        Directory.CreateDirectory(_kd.At("else"));
        var found = Asked($" resume {_kd.At("")}/");
        Assert.Contains(_kd.At("mine"), found);
        Assert.DoesNotContain(_kd.At("else"), found);
        Assert.Contains(_kd.At("mine"), Asked($" predict {_kd.At("mi")}"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData(" nonsense ")]
    [InlineData(" run \"unclosed")]
    [InlineData(" run --plugins /nowhere ")]
    [InlineData(" run --plugins \0 ")]
    [InlineData(" resume /nowhere/")]
    [InlineData(" describe --plugins /dev/null x")]
    public void Whatever_is_typed_ends_well(string line) => Asked(line);

    [Theory]
    [InlineData("bash", "complete -o default -F _kd kd")]
    [InlineData("zsh", "compdef _kd kd")]
    [InlineData("fish", "complete -c kd")]
    public void A_script_is_printed_for_each_shell(string shell, string line)
    {
        var result = Kd.Call("completion", shell);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains(line, result.Output);
        Assert.Equal(shell, (string)Assert.Single(Kd.Call("completion", shell, "--json").Lines)["shell"]!);
    }

    [Theory]
    [InlineData("completion")]
    [InlineData("completion", "tcsh")]
    public void Another_shell_is_refused(params string[] args) => Assert.StartsWith("KDP0801 ", Kd.Call(args).Error);

    [SkippableTheory]
    [InlineData("kd resu", "resume")]
    [InlineData("kd explain KDP065", "KDP0650")]
    [InlineData("kd run --plugins PLUGINS good-da-kd-f", "good-da-kd-full")]
    [InlineData("kd describe --plugins PLUGINS cifar-r", "cifar-resnet")]
    public async Task Bash_completes_by_the_script(string line, string expected)
    {
        Skip.IfNot(File.Exists("/bin/bash"), "There is no bash.");
        line = line.Replace("PLUGINS", Kd.Plugins);
        var words = line.Split(' ');
        // What bash itself does: it fills these and calls the function that 'complete' names.
        var script = $$"""
            kd() { dotnet {{Kd.Program}} "$@"; }
            source <(kd completion bash)
            function=$(complete -p kd | sed 's/.*-F \([^ ]*\).*/\1/')
            COMP_WORDS=({{string.Join(' ', words.Select(w => $"'{w}'"))}}) COMP_CWORD={{words.Length - 1}}
            COMP_LINE='{{line}}' COMP_POINT={{line.Length}}
            $function kd '{{words[^1]}}' '{{words[^2]}}'
            printf '%s\n' "${COMPREPLY[@]}"
            """;
        var start = new ProcessStartInfo("/bin/bash") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(script);
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await error);
        Assert.Equal([expected], output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
