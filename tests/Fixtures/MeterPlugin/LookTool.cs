using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace MeterPlugin;

/// <summary>How sure is sure.</summary>
public enum Sureness
{
    /// <summary>The most likely class.</summary>
    MostLikely,

    /// <summary>The entropy.</summary>
    Entropy,
}

/// <summary>The options of <c>look</c>: one of every kind that a command line has.</summary>
public sealed record LookOptions
{
    /// <summary>The role that is looked at.</summary>
    [Required, Display(Prompt = "ROLE")]
    public string Role { get; init; } = "";

    /// <summary>The source of the samples.</summary>
    public string Source { get; init; } = "test";

    /// <summary>How often it looks.</summary>
    [Range(1, 5)]
    public int Times { get; init; } = 1;

    /// <summary>What the share is multiplied by.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Says how far it is.</summary>
    public bool TellMore { get; init; }

    /// <summary>Names that are given back.</summary>
    public IReadOnlyList<string> Tag { get; init; } = [];

    /// <summary>Numbers that are given back.</summary>
    public IReadOnlyList<long> Numbers { get; init; } = [];

    /// <summary>How sure is sure.</summary>
    public Sureness By { get; init; }

    /// <summary>A text that may be missing.</summary>
    public string? Note { get; init; }
}

/// <summary>Counts by hand what a network gets right, and asks the engine for the same.</summary>
[KdTool("look", Description = "Looks at a network's answers.")]
public sealed class LookTool : Tool<LookOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Settings => Options.Times == 5 ? ["training.batchSize=7"] : [];

    /// <inheritdoc/>
    public override ToolOutput Run(IToolContext context)
    {
        using var run = context.Compose([Options.Role], []);
        var (right, all, engine) = (0L, 0L, 0.0);
        run.Steps(
            "look",
            Options.Times,
            step =>
            {
                step.Visit(
                    Options.Source,
                    0,
                    batch =>
                    {
                        var labels = ((ClassIndexTarget)batch.Target).Labels;
                        right += step.Consult(Options.Role, batch, []).Logits.argmax(1).eq(labels).sum().item<long>();
                        all += labels.shape[0];
                    }
                );
                engine = step.Evaluate(Options.Role, Options.Source, 0).Values["accuracy"];
                if (Options.TellMore)
                    context.Tell(new("looked", new() { ["samples"] = all }, $"{all} samples"));
            }
        );
        var share = Options.Scale * right / all;
        return new(
            "look",
            new()
            {
                ["share"] = share,
                ["engine"] = engine,
                ["samples"] = all,
                ["batchSize"] = run.Training.BatchSize,
                ["tags"] = new JsonArray([.. Options.Tag.Select(t => JsonValue.Create(t))]),
                ["numbers"] = Options.Numbers.Sum(),
                ["by"] = Options.By.ToString(),
                ["note"] = Options.Note,
                ["nothing"] = ToolOutput.Number(double.NaN),
            },
            $"{all} samples of '{Options.Source}'."
        )
        {
            Table = new(
                ["role", "right"],
                [
                    [Options.Role, $"{100 * share:0.00} %"],
                ]
            ),
        };
    }
}

/// <summary>The options of <c>grabby</c>.</summary>
public sealed record GrabbyOptions
{
    /// <summary>What every command has.</summary>
    public string Set { get; init; } = "";
}

/// <summary>Takes an option that every command has.</summary>
[KdTool("grabby", Description = "Takes an option that every command has.")]
public sealed class GrabbyTool : Tool<GrabbyOptions>
{
    /// <inheritdoc/>
    public override ToolOutput Run(IToolContext context) => new("grabby", [], "");
}
