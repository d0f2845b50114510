using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>A plugin does not keep what it has to keep; the message says which check, what it found and what to do.</summary>
public sealed class ConformanceException : Exception
{
    internal ConformanceException(string message, Exception? cause = null)
        : base(message, cause) { }
}

/// <summary>How a check ended that did not fail.</summary>
/// <param name="IsSkipped">Whether it could not be made here.</param>
/// <param name="Detail">Why it was skipped; empty otherwise.</param>
public sealed record ConformanceOutcome(bool IsSkipped, string Detail);

/// <summary>One thing that a plugin has to keep.</summary>
public sealed class ConformanceCheck
{
    // libtorch's default generators and the counts of tensors belong to the process: one check at a time.
    private static readonly Lock OneAtATime = new();
    private readonly string _plugin;
    private readonly Func<string> _body;

    /// <param name="plugin">The plugin's class.</param>
    /// <param name="name">The check's name.</param>
    /// <param name="body">Throws where the plugin fails; gives why it had to be skipped, or "".</param>
    internal ConformanceCheck(string plugin, string name, Func<string> body)
    {
        _plugin = plugin;
        Name = name;
        _body = body;
    }

    /// <summary>What is checked, such as <c>determinism</c>.</summary>
    public string Name { get; }

    /// <summary>Makes the check.</summary>
    /// <remarks>Skipped where the environment variable <c>KD_CHECKS</c> names others, see <see cref="ConformanceSuite"/>.</remarks>
    /// <exception cref="ConformanceException">The plugin does not pass.</exception>
    public ConformanceOutcome Run()
    {
        if (!CheckFilter.Current.Takes(Name))
            return new(true, $"left out: {CheckFilter.Variable} names {CheckFilter.Current}.");
        NativeRuntime.Start();
        lock (OneAtATime)
        {
            using var scope = NewDisposeScope();
            try
            {
                var skipped = _body();
                return new(skipped.Length > 0, skipped);
            }
            catch (ConformanceException failure)
            {
                throw new ConformanceException($"{this}: {failure.Message}", failure.InnerException);
            }
            catch (Exception cause)
            {
                throw new ConformanceException($"{this}: it threw {cause.GetType().Name}: {cause.Message}", cause);
            }
        }
    }

    /// <summary>The plugin's class and the check's name.</summary>
    public override string ToString() => $"{_plugin} {Name}";
}

/// <summary>
/// The checks of one plugin. Single ones are chosen by <see cref="Only"/>, or for a whole test run by the environment
/// variable <c>KD_CHECKS</c>: names with commas between, <c>*</c> for any text, such as <c>gradient,wrong*</c>.
/// </summary>
public sealed class ConformanceSuite
{
    internal ConformanceSuite(IReadOnlyList<ConformanceCheck> checks) => Checks = checks;

    /// <summary>Every check, to be made one by one.</summary>
    public IReadOnlyList<ConformanceCheck> Checks { get; }

    /// <summary>The suite with these checks alone.</summary>
    /// <param name="names">Names such as <c>gradient</c>; <c>*</c> stands for any text.</param>
    /// <exception cref="ArgumentException">A name is no check's; the message has all names.</exception>
    public ConformanceSuite Only(params string[] names)
    {
        ArgumentNullException.ThrowIfNull(names);
        foreach (var name in names)
            if (!Checks.Any(c => new CheckFilter([name]).Takes(c.Name)))
                throw new ArgumentException(
                    $"No check is called '{name}'; there are: {string.Join(", ", Checks.Select(c => c.Name))}.",
                    nameof(names)
                );
        var filter = new CheckFilter(names);
        return new([.. Checks.Where(c => filter.Takes(c.Name))]);
    }

    /// <summary>The checks as the data of an xunit theory: <c>[MemberData(nameof(Checks))] void Conforms(ConformanceCheck c)</c>.</summary>
    public IEnumerable<object[]> Theory() => Checks.Select(c => new object[] { c });

    /// <summary>Makes every check and tells of each how it ended.</summary>
    /// <exception cref="ConformanceException">Some failed; the message names all of them.</exception>
    public IReadOnlyDictionary<string, ConformanceOutcome> Verify()
    {
        var outcomes = new Dictionary<string, ConformanceOutcome>();
        var failures = new List<string>();
        foreach (var check in Checks)
            try
            {
                outcomes[check.Name] = check.Run();
            }
            catch (ConformanceException failure)
            {
                failures.Add(failure.Message);
            }
        return failures.Count == 0 ? outcomes : throw new ConformanceException(string.Join("\n", failures));
    }
}
