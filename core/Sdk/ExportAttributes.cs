using System.Composition;
using KdPlugins.Core;

namespace KdPlugins.Sdk;

// MEF reads only the properties that an attribute's own type declares, so these eight cannot share a base with them.

/// <summary>Marks a public class as an augmentation that the host discovers.</summary>
/// <param name="id">The id in recipes: kebab-case, unique among plugins of its kind.</param>
[MetadataAttribute]
[AttributeUsage(AttributeTargets.Class)]
public sealed class KdAugmentationAttribute(string id) : ExportAttribute(typeof(IAugmentation))
{
    /// <summary>The id in recipes.</summary>
    public string Id { get; } = id;

    /// <summary>The plugin's version, major.minor.patch.</summary>
    public string Version { get; set; } = "1.0.0";

    /// <summary>What it does, one line.</summary>
    public string Description { get; set; } = "";

    /// <summary>Where it was published: authors, title or identifier, year; empty for plain techniques.</summary>
    public string Paper { get; set; } = "";
}

/// <summary>Marks a public class as a loss that the host discovers.</summary>
/// <param name="id">The id in recipes: kebab-case, unique among plugins of its kind.</param>
[MetadataAttribute]
[AttributeUsage(AttributeTargets.Class)]
public sealed class KdLossAttribute(string id) : ExportAttribute(typeof(IDistillationLoss))
{
    /// <summary>The id in recipes.</summary>
    public string Id { get; } = id;

    /// <summary>The plugin's version, major.minor.patch.</summary>
    public string Version { get; set; } = "1.0.0";

    /// <summary>What it does, one line.</summary>
    public string Description { get; set; } = "";

    /// <summary>Where it was published: authors, title or identifier, year; empty for plain techniques.</summary>
    public string Paper { get; set; } = "";
}

/// <summary>Marks a public class as a generator that the host discovers.</summary>
/// <param name="id">The id in recipes: kebab-case, unique among plugins of its kind.</param>
[MetadataAttribute]
[AttributeUsage(AttributeTargets.Class)]
public sealed class KdGeneratorAttribute(string id) : ExportAttribute(typeof(IGenerator))
{
    /// <summary>The id in recipes.</summary>
    public string Id { get; } = id;

    /// <summary>The plugin's version, major.minor.patch.</summary>
    public string Version { get; set; } = "1.0.0";

    /// <summary>What it does, one line.</summary>
    public string Description { get; set; } = "";

    /// <summary>Where it was published: authors, title or identifier, year; empty for plain techniques.</summary>
    public string Paper { get; set; } = "";
}

/// <summary>Marks a public class as a distillation strategy that the host discovers.</summary>
/// <param name="id">The id in recipes: kebab-case, unique among plugins of its kind.</param>
[MetadataAttribute]
[AttributeUsage(AttributeTargets.Class)]
public sealed class KdStrategyAttribute(string id) : ExportAttribute(typeof(IDistillationStrategy))
{
    /// <summary>The id in recipes.</summary>
    public string Id { get; } = id;

    /// <summary>The plugin's version, major.minor.patch.</summary>
    public string Version { get; set; } = "1.0.0";

    /// <summary>What it does, one line.</summary>
    public string Description { get; set; } = "";

    /// <summary>Where it was published: authors, title or identifier, year; empty for plain techniques.</summary>
    public string Paper { get; set; } = "";
}

/// <summary>Marks a public class as a model architecture that the host discovers.</summary>
/// <param name="id">The id in recipes: kebab-case, unique among plugins of its kind.</param>
[MetadataAttribute]
[AttributeUsage(AttributeTargets.Class)]
public sealed class KdModelAttribute(string id) : ExportAttribute(typeof(IModelPlugin))
{
    /// <summary>The id in recipes.</summary>
    public string Id { get; } = id;

    /// <summary>The plugin's version, major.minor.patch.</summary>
    public string Version { get; set; } = "1.0.0";

    /// <summary>What it does, one line.</summary>
    public string Description { get; set; } = "";

    /// <summary>Where it was published: authors, title or identifier, year; empty for plain techniques.</summary>
    public string Paper { get; set; } = "";
}

/// <summary>Marks a public class as a data set that the host discovers.</summary>
/// <param name="id">The id in recipes: kebab-case, unique among plugins of its kind.</param>
[MetadataAttribute]
[AttributeUsage(AttributeTargets.Class)]
public sealed class KdDatasetAttribute(string id) : ExportAttribute(typeof(IDatasetPlugin))
{
    /// <summary>The id in recipes.</summary>
    public string Id { get; } = id;

    /// <summary>The plugin's version, major.minor.patch.</summary>
    public string Version { get; set; } = "1.0.0";

    /// <summary>What it does, one line.</summary>
    public string Description { get; set; } = "";

    /// <summary>Where it was published: authors, title or identifier, year; empty for plain techniques.</summary>
    public string Paper { get; set; } = "";
}

/// <summary>Marks a public class as a meter that the host discovers.</summary>
/// <param name="id">The id in recipes: kebab-case, unique among plugins of its kind.</param>
[MetadataAttribute]
[AttributeUsage(AttributeTargets.Class)]
public sealed class KdMeterAttribute(string id) : ExportAttribute(typeof(IMeter))
{
    /// <summary>The id in recipes.</summary>
    public string Id { get; } = id;

    /// <summary>The plugin's version, major.minor.patch.</summary>
    public string Version { get; set; } = "1.0.0";

    /// <summary>What it does, one line.</summary>
    public string Description { get; set; } = "";

    /// <summary>Where it was published: authors, title or identifier, year; empty for plain techniques.</summary>
    public string Paper { get; set; } = "";
}

/// <summary>Marks a public class as a tool, a command, that the host discovers.</summary>
/// <param name="id">The command's name: kebab-case, unique among tools, and no command of the host's.</param>
[MetadataAttribute]
[AttributeUsage(AttributeTargets.Class)]
public sealed class KdToolAttribute(string id) : ExportAttribute(typeof(ITool))
{
    /// <summary>The command's name.</summary>
    public string Id { get; } = id;

    /// <summary>The plugin's version, major.minor.patch.</summary>
    public string Version { get; set; } = "1.0.0";

    /// <summary>What it does, one line.</summary>
    public string Description { get; set; } = "";

    /// <summary>Where it was published: authors, title or identifier, year; empty for plain techniques.</summary>
    public string Paper { get; set; } = "";
}
