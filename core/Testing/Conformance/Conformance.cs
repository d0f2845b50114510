using KdPlugins.Core;

namespace KdPlugins.Testing;

/// <summary>
/// What the host and the engine rely on, as checks of one plugin: a call per kind of plugin. Run them all with
/// <see cref="ConformanceSuite.Verify"/>, or one test each with <see cref="ConformanceSuite.Theory"/>.
/// </summary>
public static class Conformance
{
    /// <summary>The checks of a loss.</summary>
    public static ConformanceSuite Loss<T>(LossSettings? settings = null)
        where T : class, IDistillationLoss, new() => new(new LossChecks<T>(settings ?? new()).All());

    /// <summary>The checks of an augmentation.</summary>
    public static ConformanceSuite Augmentation<T>(AugmentationSettings? settings = null)
        where T : class, IAugmentation, new() => new(new AugmentationChecks<T>(settings ?? new()).All());

    /// <summary>The checks of a generator.</summary>
    public static ConformanceSuite Generator<T>(GeneratorSettings? settings = null)
        where T : class, IGenerator, new() => new(new GeneratorChecks<T>(settings ?? new()).All());

    /// <summary>The checks of a strategy: whole runs of a small recipe.</summary>
    public static ConformanceSuite Strategy<T>(StrategySettings? settings = null)
        where T : class, IDistillationStrategy, new() => new(new StrategyChecks<T>(settings ?? new()).All());

    /// <summary>The checks of a data set: what every split gives is read as the engine does.</summary>
    public static ConformanceSuite Dataset<T>(DatasetSettings? settings = null)
        where T : class, IDatasetPlugin, new() => new(new DatasetChecks<T>(settings ?? new()).All());

    /// <summary>The checks of a meter: the same samples give the same numbers, however they come.</summary>
    public static ConformanceSuite Meter<T>(MeterSettings? settings = null)
        where T : class, IMeter, new() => new(new MeterChecks<T>(settings ?? new()).All());

    /// <summary>The checks of a tool: runs on a small recipe whose networks have weights.</summary>
    public static ConformanceSuite Tool<T>(ToolSettings? settings = null)
        where T : class, ITool, new() => new(new ToolChecks<T>(settings ?? new()).All());

    /// <summary>The checks of a model: networks of several class counts.</summary>
    public static ConformanceSuite Model<T>(ModelSettings? settings = null)
        where T : class, IModelPlugin, new() => new(new ModelChecks<T>(settings ?? new()).All());
}
