using System.Globalization;

namespace KdPlugins.Benchmarks.Step;

/// <summary>What the command line asks of the step benchmark.</summary>
internal sealed record StepOptions
{
    /// <summary>Rounds; in each, every contestant runs once while the others wait.</summary>
    public int Rounds { get; init; } = 8;

    /// <summary>How long one contestant runs in one round.</summary>
    public double Seconds { get; init; } = 4;

    /// <summary>Threads of each contestant.</summary>
    public int Threads { get; init; } = 2;

    /// <summary>Ours, by name.</summary>
    public IReadOnlyList<string> Variants { get; init; } = ["float32", "bf16"];

    /// <summary>Whether PyTorch takes part.</summary>
    public bool Python { get; init; }

    /// <summary>Whether the parts of a step are timed too.</summary>
    public bool Profile { get; init; }

    internal static StepOptions Parse(string[] arguments)
    {
        var options = new StepOptions();
        for (var i = 0; i < arguments.Length; i++)
        {
            string Next() =>
                ++i < arguments.Length
                    ? arguments[i]
                    : throw new ArgumentException($"{arguments[i - 1]} needs a value");
            options = arguments[i] switch
            {
                "--rounds" => options with { Rounds = int.Parse(Next(), CultureInfo.InvariantCulture) },
                "--seconds" => options with { Seconds = double.Parse(Next(), CultureInfo.InvariantCulture) },
                "--threads" => options with { Threads = int.Parse(Next(), CultureInfo.InvariantCulture) },
                "--variants" => options with { Variants = Next().Split(',') },
                "--python" => options with { Python = true },
                "--profile" => options with { Profile = true },
                var unknown => throw new ArgumentException($"unknown argument {unknown}"),
            };
        }
        return options;
    }
}
