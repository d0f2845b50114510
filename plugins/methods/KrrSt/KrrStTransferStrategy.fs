namespace KdPlugins.KrrSt

open System.Collections.Generic
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// Uses a set that was distilled before: a source of the data set "distilled-set" with soft targets, or with labels. The stages after
/// distillation of "krr-st": "pre-train", "free-kd", "fine-tune". Any architecture can take the student's role.
[<Sealed;
  KdStrategy("krr-st-transfer",
             Description = "Pre-trains on a distilled set, then distils without data or fine-tunes",
             Paper =
                 "Lee, Lee, Ko, Kawaguchi, Lee, Hwang: Self-Supervised Dataset Distillation for Transfer Learning, ICLR 2024")>]
type KrrStTransferStrategy() =
    inherit DistillationStrategy<KrrStTransferOptions>()

    override this.Needs =
        let o = this.Options

        (if o.FreeKd.Epochs > 0 then
             [| o.Student; o.Teacher |]
         else
             [| o.Student |])
        :> IReadOnlyCollection<string>

    override this.Result = this.Options.Student

    /// Raises KDP0304 where the source has no targets of the kind that pre-training learns, KDP0305 where there is no such source.
    override this.Plan context =
        let options = this.Options
        Transfer.requireNoTeacherLoss "krr-st-transfer" context
        let data = context.SourceData options.Source

        Transfer.requireTarget "krr-st-transfer" context options.Source options.PreTrain
        let pixels = Pixels(data, options.Normalised)

        Transfer.stages
            {
                Context = context
                Options = options
                Source = options.Source
                Width = data.Classes
                ToInput = pixels.ToInput
            }
        |> List.toArray
        :> IReadOnlyList<Stage>
