namespace KdPlugins.Sdk.Analyzers;

/// <summary>Why a plugin's code must not use something.</summary>
internal enum ForbiddenReason
{
    /// <summary>Another thread works, or goes on when the call has returned.</summary>
    OtherThread,

    /// <summary>It tells the time.</summary>
    Clock,

    /// <summary>It draws beside the run's random streams.</summary>
    Random,

    /// <summary>It ends the process where shapes do not fit.</summary>
    Unguarded,
}

/// <summary>What a plugin's code must not use; the analyzers look for it in source, the conformance kit in compiled code.</summary>
internal static class ForbiddenMembers
{
    /// <summary>What stands against a member; null where nothing does.</summary>
    /// <param name="type">The full name of its class as metadata have it: <c>A.B`1+C</c>.</param>
    /// <param name="member">Its name; a property's is without <c>get_</c>, a constructor's is <c>.ctor</c>.</param>
    internal static ForbiddenReason? Of(string type, string member) =>
        (type, member) switch
        {
            ("System.Threading.Tasks.Task", "Run") => ForbiddenReason.OtherThread,
            ("System.Threading.Tasks.TaskFactory", "StartNew") => ForbiddenReason.OtherThread,
            ("System.Threading.Tasks.TaskFactory`1", "StartNew") => ForbiddenReason.OtherThread,
            ("System.Threading.Tasks.Parallel", _) => ForbiddenReason.OtherThread,
            ("System.Threading.ThreadPool", _) => ForbiddenReason.OtherThread,
            ("System.Threading.Thread" or "System.Threading.Timer", ".ctor") => ForbiddenReason.OtherThread,
            ("System.Linq.ParallelEnumerable", "AsParallel") => ForbiddenReason.OtherThread,
            ("Microsoft.FSharp.Control.FSharpAsync", _) => ForbiddenReason.OtherThread,
            ("Microsoft.FSharp.Collections.ArrayModule+Parallel", _) => ForbiddenReason.OtherThread,
            ("System.DateTime", "Now" or "UtcNow" or "Today") => ForbiddenReason.Clock,
            ("System.DateTimeOffset", "Now" or "UtcNow") => ForbiddenReason.Clock,
            ("System.Environment", "TickCount" or "TickCount64") => ForbiddenReason.Clock,
            ("System.Diagnostics.Stopwatch", ".ctor" or "StartNew" or "GetTimestamp") => ForbiddenReason.Clock,
            ("System.TimeProvider", "System") => ForbiddenReason.Clock,
            ("System.Random", ".ctor" or "Shared") => ForbiddenReason.Random,
            ("TorchSharp.torch" or "TorchSharp.torch+Tensor", "matmul" or "cummax" or "cummin") =>
                ForbiddenReason.Unguarded,
            ("TorchSharp.torch+linalg", "matmul") => ForbiddenReason.Unguarded,
            _ => null,
        };
}
