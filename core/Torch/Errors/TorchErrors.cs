namespace KdPlugins.Torch;

/// <summary>
/// The failures of this assembly. Codes are given by room: 00 start-up and native calls, 01 plugins, 02 recipes and
/// options, 03 shapes and composition, 04 data, 05 weight files, 06 runs and checkpoints, 07 training,
/// 08 command line, 09 service.
/// </summary>
public static class TorchErrors
{
    /// <summary>No usable libtorch was found.</summary>
    public static readonly ErrorCode NativeNotFound = new(
        "KDP0001",
        "libtorch cannot be loaded",
        "Restore the packages (dotnet restore), or set KD_LIBTORCH to the folder that holds libtorch_cpu.so."
    );

    /// <summary>A call into libtorch failed.</summary>
    public static readonly ErrorCode NativeCall = new(
        "KDP0002",
        "a libtorch operator refused its arguments",
        "Check the shapes, dtypes and devices named above."
    );

    /// <summary>A libtorch function that a feature needs is absent from the libtorch in use.</summary>
    public static readonly ErrorCode NativeSymbolMissing = new(
        "KDP0003",
        "the libtorch in use lacks a function",
        "Use the libtorch version that this build was made for, or do without the feature named above."
    );

    /// <summary>An argument of a public function is unusable.</summary>
    public static readonly ErrorCode BadArgument = new(
        "KDP0004",
        "an argument cannot be used",
        "Correct the argument."
    );

    /// <summary>A random scope was opened or closed in the wrong place.</summary>
    public static readonly ErrorCode RandomScopeMisused = new(
        "KDP0005",
        "a random scope was opened or closed in the wrong place",
        "Close each scope with 'using' in the method that opens it; beside the training thread draw from a generator of your own."
    );

    /// <summary>A step scope was closed on another thread.</summary>
    public static readonly ErrorCode StepScopeMisused = new(
        "KDP0006",
        "a step scope was closed on another thread",
        "Close each scope with 'using' in the method that opens it, with no await inside."
    );

    /// <summary>An autocast scope was not closed where it was opened.</summary>
    public static readonly ErrorCode AutocastMisused = new(
        "KDP0007",
        "an autocast scope was closed in the wrong place",
        "Close each scope with 'using' in the method that opens it, with no await inside."
    );

    /// <summary>An operator's declaration is not one of the libtorch in use.</summary>
    public static readonly ErrorCode OperatorDeclaration = new(
        "KDP0008",
        "an operator's declaration cannot be used",
        "Write the declaration as this libtorch has it, with its namespace in front."
    );

    /// <summary>The arguments of an operator are not those of its declaration.</summary>
    public static readonly ErrorCode OperatorCall = new(
        "KDP0009",
        "an operator got other arguments than it is declared with",
        "Pass the arguments in the order of the declaration."
    );

    /// <summary>What a network computes cannot be written down as a graph.</summary>
    public static readonly ErrorCode Graph = new(
        "KDP0010",
        "a network's graph cannot be made",
        "Let the network's author compute it by modules that are called by 'call' and by the functions of KdPlugins.Torch.Traced; what none of these does, Traced.As describes."
    );

    /// <summary>Every entry of this assembly.</summary>
    public static IReadOnlyList<ErrorCode> All { get; } = ErrorCode.In(typeof(TorchErrors));
}
