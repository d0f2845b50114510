namespace KdPlugins.Core

open System
open KdPlugins.Torch.Optim

/// The recipe's schedules as functions of progress.
module internal Schedules =

    let private make (section: ScheduleSection) (total: int64) (perEpoch: int64) : Schedule =
        let steps (share: float) = int64 (Math.Round(share * float total))

        let schedule =
            match section.Name with
            | "multi-step" ->
                let milestones = section.Milestones |> Seq.map (steps >> max 1L) |> Seq.distinct
                Schedule.MultiStep(milestones, section.Factor)
            | "cosine" -> Schedule.Cosine section.Minimum
            | "step" -> (Schedule.Exponential section.Factor).Every(perEpoch * section.StepEpochs)
            | "exponential" -> Schedule.Exponential(section.Factor).Every perEpoch
            | "one-cycle" ->
                Schedule.OneCycle(OneCycleSettings(RisingPart = section.Peak, StartDivisor = 1.0 / section.Start))
            | "polynomial" -> Schedule.Polynomial(section.Power, section.Minimum)
            | "linear" -> Schedule.Polynomial(1.0, section.Minimum)
            | _ -> Schedule.Constant

        if section.Warmup > 0.0 then
            schedule.WarmUp(steps section.Warmup)
        elif section.WarmupSteps > 0L then
            schedule.WarmUp section.WarmupSteps
        elif section.WarmupEpochs > 0.0 then
            schedule.WarmUp(int64 (Math.Round(section.WarmupEpochs * float perEpoch)))
        else
            schedule

    /// The learning rate's multiplier by progress; shares of the section are shares of a stage's steps. plateau: a further
    /// factor of the moment.
    let ofSection (section: ScheduleSection) (plateau: Func<double>) : Func<Progress, double> =
        let mutable made = struct (-1L, -1L, Schedule.Constant)

        Func<Progress, double>(fun progress ->
            let total = max 1L progress.TotalSteps
            let struct (knownTotal, knownEpoch, schedule) = made

            let schedule =
                if knownTotal = total && knownEpoch = progress.StepsPerEpoch then
                    schedule
                else
                    let fresh = make section total progress.StepsPerEpoch
                    made <- struct (total, progress.StepsPerEpoch, fresh)
                    fresh

            plateau.Invoke() * schedule.Multiplier(min progress.Step (total - 1L), total))
