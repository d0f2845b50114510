using System.Globalization;

namespace KdPlugins.Benchmarks.Recipes;

/// <summary>What the command line asks of the comparison of recipes.</summary>
internal sealed record RecipesOptions
{
    /// <summary>The recipes; the first is what the others are compared with.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Values set in every recipe, as with <c>kd run --set</c>.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>Rounds; in each, every recipe runs once while the others wait.</summary>
    public int Rounds { get; init; } = 8;

    /// <summary>How long every stage of a recipe runs in one round.</summary>
    public double Seconds { get; init; } = 4;

    /// <summary>Threads of libtorch.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Whether the clock on the wall counts, in place of processor time.</summary>
    public bool Wall { get; init; }

    /// <summary>Where the plugins are; those beside the host where nothing is said.</summary>
    public string Plugins { get; init; } = BesideHost();

    internal static RecipesOptions Parse(string[] arguments)
    {
        var options = new RecipesOptions();
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
                "--set" => options with { Settings = [.. options.Settings, Next()] },
                "--plugins" => options with { Plugins = Next() },
                "--wall" => options with { Wall = true },
                var unknown when unknown.StartsWith("--", StringComparison.Ordinal) => throw new ArgumentException(
                    $"unknown argument {unknown}"
                ),
                var file => options with { Files = [.. options.Files, file] },
            };
        }
        return options.Files.Count >= 2 ? options : throw new ArgumentException("recipes needs at least two recipes");
    }

    // .../tests/Benchmarks/bin/Release/net10.0 and .../host/bin/Release/net10.0/plugins
    private static string BesideHost()
    {
        var output = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var root = output.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
        return Path.Combine(root, "host", "bin", output.Parent.Name, output.Name, "plugins");
    }
}
