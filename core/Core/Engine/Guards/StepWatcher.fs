namespace KdPlugins.Core

open System
open System.Threading
open TorchSharp
open KdPlugins.Torch

/// What is being waited for.
[<AllowNullLiteral>]
type internal Waiting(what: Func<string>, began: int64, memory: StepScope) =

    /// In words.
    member _.What = what

    /// The clock's time stamp.
    member _.Began = began

    /// The step's memory; null where there is none.
    member _.Memory = memory

    /// How often it has been told of.
    member val Told = 0 with get, set

    /// The first of the last looks that each found more native memory than the one before; -1 for none.
    member val Base = -1L with get, set

    /// What the last look found.
    member val Last = 0L with get, set

    /// How many looks in a row found more.
    member val Rises = 0 with get, set

    /// Whether its memory was told of.
    member val ToldMemory = false with get, set

/// Looks, beside the thread that trains, at how long a step or a plan takes and what memory grows with it: code that waits
/// for ever, or a loop that keeps its tensors, is told of while it is at work. A step itself pays for two time stamps.
/// patience: how long something may take before it is told of, zero for never; also ten times as long as the longest step
/// so far. mostBytes: how much native memory may grow without a pause, within a step or over steps.
/// warn: called from other threads too.
[<Sealed; AllowNullLiteral>]
type internal StepWatcher(clock: TimeProvider, patience: TimeSpan, mostBytes: int64, warn: Action<string>) =
    // Three times, so that a service's own limit for silence is put off by no more than seven times this one.
    let mostTold = 3
    let leastRises = 3
    let stepsBetween, risesOverSteps = 10L, 8
    let mutable now: Waiting = null
    let mutable longest = TimeSpan.Zero
    let mutable steps, sampledStep, baseStep = 0L, 0L, 0L
    let mutable sampledAt, sampledTensors = 0L, 0L
    let mutable baseBytes, baseTensors, rises, toldGrowth = -1L, 0L, 0, false

    let megabytes (bytes: int64) = $"{bytes / (1L <<< 20)} MiB"

    let lookAtTime (waiting: Waiting) =
        let elapsed = clock.GetElapsedTime waiting.Began
        let limit = (max patience (longest * 10.0)) * float (1 <<< waiting.Told)

        if patience > TimeSpan.Zero && waiting.Told < mostTold && elapsed >= limit then
            waiting.Told <- waiting.Told + 1

            warn.Invoke
                $"{waiting.What.Invoke()} has been at work for {elapsed.TotalSeconds:F0} s and has not come back. Where it waits for something, that does not come; stop the run (Ctrl-C twice) or mend the plugin."

    let lookAtMemory (waiting: Waiting) =
        if not (isNull waiting.Memory) && not waiting.ToldMemory then
            let bytes = LiveTensors.NativeBytes

            if waiting.Base < 0L || bytes <= waiting.Last then
                waiting.Base <- bytes
                waiting.Rises <- 0
            else
                waiting.Rises <- waiting.Rises + 1

            waiting.Last <- bytes

            if waiting.Rises >= leastRises && bytes - waiting.Base > mostBytes then
                waiting.ToldMemory <- true

                warn.Invoke
                    $"{waiting.What.Invoke()} takes more and more memory: {megabytes (bytes - waiting.Base)} in this one step so far, {waiting.Memory.Count} tensors are alive in it. Tensors of a step live until it ends: put what a loop makes into a scope of its own (using var scope = torch.NewDisposeScope())."

    let look () =
        match Volatile.Read(&now) with
        | null -> ()
        | waiting ->
            lookAtTime waiting
            lookAtMemory waiting

    // Between two steps nothing but what lives on is there.
    let lookBetween (what: Func<string>) (stamp: int64) =
        sampledAt <- stamp
        sampledStep <- steps
        let bytes, tensors = LiveTensors.NativeBytes, LiveTensors.Count

        // By tensors, not by bytes, which the runtime's own code takes and gives back meanwhile.
        if baseBytes < 0L || tensors <= sampledTensors then
            baseBytes <- bytes
            baseTensors <- tensors
            baseStep <- steps
            rises <- 0
        else
            rises <- rises + 1

        sampledTensors <- tensors

        // Pools and banks grow too, but by few tensors; what was there before dies meanwhile.
        if
            not toldGrowth
            && rises >= risesOverSteps
            && bytes - baseBytes > mostBytes
            && 2L * (tensors - baseTensors) >= steps - baseStep
        then
            toldGrowth <- true

            warn.Invoke
                $"{what.Invoke()}: memory grows from step to step, by {megabytes (bytes - baseBytes)} and {tensors - baseTensors} tensors in the last {steps - baseStep} steps. Something keeps tensors of every step; dispose what is replaced, or keep it in a pool of context.State, which has a capacity."

    let every =
        min
            (TimeSpan.FromSeconds 1.0)
            (if patience > TimeSpan.Zero then
                 patience / 4.0
             else
                 TimeSpan.FromSeconds 1.0)

    let timer =
        clock.CreateTimer(
            TimerCallback(fun _ ->
                // What watches stops nothing.
                try
                    look ()
                with _ ->
                    ()),
            null,
            every,
            every
        )

    /// The seconds that KD_STEP_WATCH says, else 60; 0 for no watching.
    static member Patience =
        match
            Double.TryParse(
                Environment.GetEnvironmentVariable "KD_STEP_WATCH",
                Globalization.CultureInfo.InvariantCulture
            )
        with
        | true, seconds when seconds >= 0.0 && seconds < 1e6 -> TimeSpan.FromSeconds seconds
        | _ -> TimeSpan.FromSeconds 60.0

    /// Half of what the process may have.
    static member MostBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2L

    /// Something begins that may take long. what: in words, at the beginning of a sentence.
    member _.Begin(what: Func<string>, memory: StepScope) =
        let stamp = clock.GetTimestamp()

        if
            not (isNull memory)
            && steps - sampledStep >= stepsBetween
            && clock.GetElapsedTime(sampledAt, stamp) >= every
        then
            lookBetween what stamp

        Volatile.Write(&now, Waiting(what, stamp, memory))

    /// It is done.
    member _.End() =
        match now with
        | null -> ()
        | waiting ->
            Volatile.Write(&now, null)

            if not (isNull waiting.Memory) then
                steps <- steps + 1L
                longest <- max longest (clock.GetElapsedTime waiting.Began)

    /// A stage begins: its steps are not like those before.
    member _.Restart() =
        longest <- TimeSpan.Zero
        baseBytes <- -1L
        toldGrowth <- false

    interface IDisposable with
        member _.Dispose() = timer.Dispose()
