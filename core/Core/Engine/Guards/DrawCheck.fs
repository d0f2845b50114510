namespace KdPlugins.Core

open System
open KdPlugins.Torch

/// For finding what breaks a resume: work of the engine that draws from libtorch's default generators in the middle of a
/// step. Much of it happens once per process (a teacher is frozen, an optimiser made), so that a resumed process would draw
/// other numbers than the uninterrupted one. Costs two copies of the generators' states (some 10 microseconds) each time.
[<AbstractClass; Sealed>]
type DrawCheck private () =

    /// Whether it is looked for; on when the environment variable KD_CHECK_DRAWS is 1.
    static member val Enabled = (Environment.GetEnvironmentVariable "KD_CHECK_DRAWS" = "1") with get, set

    /// Does some work. Raises KDP0720 where that moved a default generator.
    static member internal During(work: string, action: unit -> 'T) : 'T =
        if not DrawCheck.Enabled then
            action ()
        else
            use watch = DrawWatch.Begin()
            let result = action ()

            if watch.HasDrawn then
                Fail.error CoreErrors.DrewOutside $"{work} has drawn from a default generator of libtorch."

            result
