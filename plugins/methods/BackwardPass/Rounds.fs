namespace KdPlugins.BackwardPass

open System
open System.Collections.Generic
open KdPlugins.Core

/// A part of the student's training between two searches.
[<Struct>]
type internal Learning =
    {
        /// The stage's name.
        Stage: string

        /// Its epochs.
        Epochs: int64

        /// Whether it learns from auxiliary samples too.
        HasAuxiliary: bool
    }

/// The student's epochs, cut into rounds.
module internal Rounds =

    /// All epochs in order: the first round and the last epochs are on the data alone.
    let cut (epochs: int64) (perRound: int64) (final: int64) : Learning list =
        let final = min final epochs

        let rounds =
            [
                for n in 0L .. perRound .. epochs - final - 1L ->
                    {
                        Stage = $"minimise-{n / perRound}"
                        Epochs = min perRound (epochs - final - n)
                        HasAuxiliary = n > 0L
                    }
            ]

        if final = 0L then
            rounds
        else
            rounds
            @ [
                {
                    Stage = "finish"
                    Epochs = final
                    HasAuxiliary = false
                }
            ]

    /// The recipe's schedule over all of them as if they were one stage.
    let schedule (rounds: Learning list) (whole: Func<Progress, double>) : Func<Progress, double> =
        let before = Dictionary<string, int64>()
        let mutable all = 0L

        for round in rounds do
            before[round.Stage] <- all
            all <- all + round.Epochs

        let total = all

        Func<_, _>(fun progress ->
            let epoch = progress.StepsPerEpoch

            Progress(progress.Stage, before[progress.Stage] * epoch + progress.Step, total * epoch, epoch)
            |> whole.Invoke)
