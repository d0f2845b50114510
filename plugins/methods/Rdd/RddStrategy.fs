namespace KdPlugins.Rdd

open System
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk

/// Relative difficulty distillation: the teacher says which pixels the student learns from its labels. One stage, "distil", of two
/// phases, so that optimiser and schedule go on: easy pixels first (TFE), then those that are hard for one of the two alone (TSE). The
/// recipe's losses that need a teacher come on top; those that need none, such as cross-entropy, are replaced. The teacher sees the
/// student's view.
[<Sealed;
  KdStrategy("rdd",
             Description =
                 "Segmentation: labels weighted by the teacher's difficulty, then by where student and teacher differ",
             Paper =
                 "Liang, Sun, Du, Chen, Huang: Relative Difficulty Distillation for Semantic Segmentation, arXiv 2407.03719, 2024")>]
type RddStrategy() =
    inherit DistillationStrategy<RddOptions>()

    override this.Needs =
        let options = this.Options
        [| options.Teacher; options.Student |]

    override this.Result = this.Options.Student

    /// The first iteration, counted from 1, of the second phase; one more than there are where there is none.
    static member WarmUp(share: float, total: int64) =
        if share >= 1.0 then
            total + 1L
        else
            int64 (Math.Round(share * float total, MidpointRounding.AwayFromZero))

    /// What the first phase weighs in a step: 1, 0, or between where the switch is soft.
    member internal this.FirstShare(progress: Progress) =
        let o = this.Options
        let iteration, total = progress.Step + 1L, progress.TotalSteps
        let warmUp = RddStrategy.WarmUp(o.WarmUp, total)

        if iteration < warmUp then 1.0
        elif o.Switch = PhaseSwitch.Hard then 0.0
        else RddMath.FirstShare(iteration, warmUp, total)

    // L_task of both phases, each computed only where it counts.
    member private this.Task
        (step: IStepContext, student: Heads, teacher: Heads, target: ClassMapTarget)
        : torch.Tensor =
        let o = this.Options
        let first = this.FirstShare step.Progress
        step.Report("rdd.first-phase", torch.tensor (first, device = step.Device))

        let tfe () =
            let struct (loss, weights) = Phases.first o o.Mean student teacher target
            step.Report("rdd.weight", weights.mean ())
            loss

        let tse () =
            let struct (loss, share) = Phases.second o student teacher target
            step.Report("rdd.selected", share)
            loss

        let loss =
            if first >= 1.0 then
                tfe ()
            elif first <= 0.0 then
                tse ()
            else
                tfe () * first.ToScalar() + tse () * (1.0 - first).ToScalar()

        step.Report("rdd.task", loss.detach ())
        loss

    member private this.Objective(step: IStepContext, taps: string -> string[], guided: bool) : torch.Tensor =
        let o = this.Options
        let view = step.View(o.Student, step.Next "train")
        let target = TargetReader.As<ClassMapTarget>(view.Target, string this.Asker)
        let taught = step.Consult(o.Teacher, view, taps o.Teacher)
        let answered = step.Forward(o.Student, view, taps o.Student)
        let student, teacher = Heads.Of(answered, o.Aux), Heads.Of(taught, o.Aux)
        Phases.requireMaps this.Asker [ student; teacher ] target
        let task = this.Task(step, student, teacher, target)

        if guided then
            task + step.Guidance(answered, taught, view) * o.Guidance.ToScalar()
        else
            task

    /// Raises KDP0302 where the teacher has no auxiliary head and one is needed, KDP0303 for networks or weights of other classes
    /// than the data's, KDP0304 where the data give no class maps.
    override this.Plan context =
        let o, data = this.Options, context.Data

        if data.Target <> TargetKind.ClassMap then
            raise (
                this.Asker.Refusal(
                    CoreErrors.TargetKind,
                    $"weighs the pixels of class maps; the data set gives {data.Target} targets.",
                    "Take a data set of label maps, such as 'segmentation-folder', or 'shapes' with \"target\": \"mask\"."
                )
            )

        let shapeOf (role: string) = (context.Network role).Shape

        for role in [ o.Teacher; o.Student ] do
            if (shapeOf role).Classes <> data.Classes then
                raise (
                    this.Asker.WrongShape(
                        $"needs networks of the data set's {data.Classes} classes, '{role}' has {(shapeOf role).Classes}."
                    )
                )

        Phases.requireWeights this.Asker o data.Classes
        let studentHas = Phases.needsAux (shapeOf o.Student) o.Aux

        if
            o.WarmUp > 0.0
            || (studentHas && o.AuxWeight > 0.0 && o.Selection <> Selection.Ohem)
        then
            (shapeOf o.Teacher).Tap o.Aux |> ignore

        let taps role =
            if Phases.needsAux (shapeOf role) o.Aux then
                [| o.Aux |]
            else
                [||]

        let guided = o.Guidance > 0.0 && context.TeacherLosses.Count > 0
        Plans.Distil(context, o.Student, (fun step -> this.Objective(step, taps, guided)))
