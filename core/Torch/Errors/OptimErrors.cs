namespace KdPlugins.Torch;

/// <summary>The failures of optimisers and schedules; codes as in <see cref="TorchErrors"/>.</summary>
public static class OptimErrors
{
    /// <summary>A saved optimiser state does not belong to the optimiser that loads it.</summary>
    public static readonly ErrorCode State = new(
        "KDP0650",
        "an optimiser state does not fit the optimiser",
        "Load the state that was saved from the same network with the same optimiser, or start without one."
    );

    /// <summary>A hyper-parameter of an optimiser or a schedule is out of its range.</summary>
    public static readonly ErrorCode Setting = new(
        "KDP0750",
        "a hyper-parameter is out of range",
        "Set it within the range named above."
    );

    /// <summary>A parameter cannot be handed to, or updated by, an optimiser.</summary>
    public static readonly ErrorCode Parameter = new(
        "KDP0751",
        "a parameter cannot be optimised",
        "Give every trainable parameter once, under a name of its own, and keep it alive as long as its optimiser."
    );

    /// <summary>Every entry of this catalogue.</summary>
    public static IReadOnlyList<ErrorCode> All { get; } = ErrorCode.In(typeof(OptimErrors));
}
