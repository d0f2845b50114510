using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands;

/// <summary>Where a command speaks: results on the output, failures on the error stream, as text or as lines of JSON.</summary>
/// <param name="Output">Results and progress.</param>
/// <param name="Error">Failures.</param>
/// <param name="IsTerminal">Whether a person watches, so that lines may be redrawn.</param>
/// <param name="Json">Whether every line is a JSON object.</param>
/// <param name="Verbose">Whether stack traces are wanted.</param>
internal sealed record Screen(TextWriter Output, TextWriter Error, bool IsTerminal, bool Json, bool Verbose)
{
    private static readonly JsonSerializerOptions Line = new()
    {
        // Read by programs and people, never put into a page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly Lock _gate = new();

    /// <summary>Where answers come from; null where nobody sits at a terminal.</summary>
    internal TextReader? Input { get; init; }

    /// <summary>Who judges the layers of a run's networks.</summary>
    internal Func<LayerJudge> Judge { get; init; } = LayerJudge.OfThisProgram;

    /// <summary>The process's own. --json and --verbose count before parsing, so that parse errors follow them too.</summary>
    internal static Screen OfConsole(string[] args)
    {
        var channel = OwnOutput.Channel(args);
        if (channel is null && !args.Contains("--json"))
            return new(Console.Out, Console.Error, Watched(), false, false)
            {
                Input = Watched() && !Console.IsInputRedirected ? Console.In : null,
            };
        // For programs: no line of a plugin comes between.
        var own = OwnOutput.Take(channel);
        return new(own, channel is null ? Console.Error : own, false, false, false);
    }

    /// <summary>The same streams as the arguments want them used.</summary>
    internal Screen For(IReadOnlyCollection<string> args) =>
        this with
        {
            Json = args.Contains("--json"),
            Verbose = args.Contains("--verbose"),
        };

    /// <summary>A line of text, or several; whatever names and messages hold, nothing that a terminal acts on.</summary>
    internal void Say(string text = "")
    {
        lock (_gate)
            Output.WriteLine(SafeText.Of(text));
    }

    /// <summary>The same on the error stream.</summary>
    internal void SayError(string text)
    {
        lock (_gate)
            Error.WriteLine(SafeText.Of(text));
    }

    /// <summary>A line of JSON, out at once.</summary>
    internal void Emit(JsonObject value) => Emit(Output, [value]);

    /// <summary>Lines of JSON, out together.</summary>
    internal void EmitAll(IReadOnlyCollection<JsonObject> values) => Emit(Output, values);

    /// <summary>The line of JSON where JSON is wanted, else the text.</summary>
    internal void Tell(Func<JsonObject> value, Func<string> text)
    {
        if (Json)
            Emit(value());
        else
            Say(text().TrimEnd());
    }

    /// <summary>Something that the person ought to know.</summary>
    internal void Warn(string message) =>
        Tell(() => new() { ["event"] = "warning", ["message"] = message }, () => $"warning: {message}");

    /// <summary>A line of JSON on the error stream.</summary>
    internal void EmitError(JsonObject value) => Emit(Error, [value]);

    /// <summary>A number as JSON has it; NaN and infinities as names, which JSON has no numbers for.</summary>
    internal static JsonNode Number(double value) =>
        double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString("R"));

    /// <summary>JSON in one line, as it is emitted.</summary>
    internal static string Text(JsonNode value) => value.ToJsonString(Line);

    private void Emit(TextWriter writer, IReadOnlyCollection<JsonObject> values)
    {
        lock (_gate)
        {
            foreach (var value in values)
                writer.WriteLine(value.ToJsonString(Line));
            writer.Flush();
        }
    }

    private static bool Watched() =>
        !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");
}
