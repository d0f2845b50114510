namespace KdPlugins.Core

open System

/// The names that most recipes use for their roles. Strategies may ask for others.
[<AbstractClass; Sealed>]
type Roles private () =

    /// The network that teaches.
    static member Teacher = "teacher"

    /// The network that learns and is exported.
    static member Student = "student"

/// Where a run is: what a schedule may depend on, and nothing else.
/// stage: the stage's name. step: steps done in this stage. totalSteps: steps the stage will take.
/// stepsPerEpoch: length of an epoch of the stage's main source in steps, at least 1.
[<Sealed>]
type Progress(stage: string, step: int64, totalSteps: int64, stepsPerEpoch: int64) =

    /// The stage's name.
    member _.Stage = stage

    /// Steps done in this stage, from 0.
    member _.Step = step

    /// The number of steps of this stage.
    member _.TotalSteps = totalSteps

    /// The number of steps of one epoch of the stage's main source, at least 1.
    member _.StepsPerEpoch = stepsPerEpoch

    /// Whole epochs done in this stage, from 0.
    member _.Epoch = step / stepsPerEpoch

    /// The number of epochs of this stage, a started one counted as a whole.
    member _.TotalEpochs = (totalSteps + stepsPerEpoch - 1L) / stepsPerEpoch

    /// Steps done in the current epoch, from 0.
    member _.StepInEpoch = step % stepsPerEpoch

    /// The share of the stage that is done, in [0, 1].
    member _.Fraction =
        if totalSteps <= 0L then
            0.0
        else
            Math.Min(1.0, float step / float totalSteps)

    override this.ToString() = $"stage {stage}, step {step} of {totalSteps}, epoch {this.Epoch}"
