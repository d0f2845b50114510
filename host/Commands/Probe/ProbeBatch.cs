using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>
/// kd probe --batch: a case per line of a file, one line of JSON for each, in order. A case that fails says so in its
/// line and leaves the others alone.
/// </summary>
internal sealed class ProbeBatch(ProbeRunner runner, Screen screen, string path)
{
    private const int LongestLine = 1 << 20;

    private readonly HashSet<string> _written = new(StringComparer.Ordinal);

    /// <summary>Runs all cases. The result is the exit code of the first that failed, 0 where none did.</summary>
    /// <exception cref="KdException"><c>KDP0810</c>: a line is too long, or there is no case.</exception>
    internal int Run()
    {
        var (exit, line, count) = (ExitCodes.Done, 0, 0);
        using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: false));
        while (Next(reader, ++line) is { } text)
        {
            if (string.IsNullOrWhiteSpace(text))
                continue;
            var code = Run(text, line);
            exit = exit == ExitCodes.Done ? code : exit;
            count++;
        }
        return count > 0
            ? exit
            : throw new KdException(
                CommandErrors.ProbeBatch,
                $"{path} holds no case: expected one JSON object per line."
            );
    }

    private int Run(string text, int line)
    {
        string? id = null;
        try
        {
            var where = $"{path}, line {line}";
            var (given, options) = ProbeCase.Parse(text, where);
            id = given.Id;
            var one = given with { Input = At(given.Input), Output = At(given.Output) };
            if (one.Output is not null && !_written.Add(one.Output))
                throw new KdException(
                    CommandErrors.ProbeBatch,
                    $"{where} writes {one.Output}, as a case before it does."
                );
            using var scope = NewDisposeScope();
            var result = runner.Run(one, options, $"{where}, options");
            var found = result.Output.Json(result.Plugin, one, result.File);
            found["case"] = line;
            screen.Emit(found);
            return ExitCodes.Done;
        }
        // One case may end in any way; the others are run.
        catch (Exception e)
        {
            var code = ExitCodes.Of(e);
            var failure = FailureText.Json(e, code, screen.Verbose);
            failure["event"] = "probe-failed";
            failure["case"] = line;
            failure["id"] = id;
            screen.Emit(failure);
            return code;
        }
    }

    // Relative paths are relative to the file that names them, as those of recipes are.
    private string? At(string? named) =>
        named is null ? null : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, named));

    // A line without its end; null at the end of the file.
    private string? Next(StreamReader reader, int line)
    {
        var text = new StringBuilder();
        for (var c = reader.Read(); c >= 0; c = reader.Read())
        {
            if (c == '\n')
                return text.ToString();
            if (text.Length == LongestLine)
                throw new KdException(
                    CommandErrors.ProbeBatch,
                    $"{path}, line {line} is longer than {LongestLine} characters; expected one JSON object per line."
                );
            text.Append((char)c);
        }
        return text.Length == 0 ? null : text.ToString();
    }
}
