namespace KdPlugins.Host.Commands.Study;

/// <summary>What a study is started with, beside its file.</summary>
internal sealed record StudyRequest
{
    /// <summary>The values of parameters, as they were given; paths are absolute.</summary>
    internal required IReadOnlyDictionary<string, string> With { get; init; }

    /// <summary>Overrides of every recipe.</summary>
    internal required IReadOnlyList<string> Set { get; init; }

    /// <summary>The arms that are run now; null for all.</summary>
    internal IReadOnlyList<string>? Arms { get; init; }

    /// <summary>The seeds that are run now; null for all.</summary>
    internal IReadOnlyList<long>? Seeds { get; init; }

    /// <summary>Runs at a time.</summary>
    internal required int Jobs { get; init; }

    /// <summary>Threads of each run.</summary>
    internal required int Threads { get; init; }

    /// <summary>The limit of every run; 0 for none.</summary>
    internal required long MaxStepsPerStage { get; init; }

    /// <summary>Whether runs whose recipes have changed are made anew.</summary>
    internal bool Redo { get; init; }

    /// <summary>The plugin folder that was named; null for the default.</summary>
    internal string? Plugins { get; init; }

    /// <summary>What passes on to every run how far plugins are trusted.</summary>
    internal IReadOnlyList<string> Trust { get; init; } = [];
}
