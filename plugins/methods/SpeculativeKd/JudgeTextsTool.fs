namespace KdPlugins.SpeculativeKd

open System
open System.ComponentModel.DataAnnotations
open System.IO
open System.Text.Json.Nodes
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk

/// The options of the tool "judge-texts".
[<Sealed; AllowNullLiteral>]
type JudgeTextsOptions() =

    /// The student's weight file (.safetensors, .pth), where the recipe names none.
    [<RecipePath; Display(Prompt = "FILE")>]
    member val StudentWeights: string = null with get, set

    /// The teacher's weight file (.safetensors, .pth), where the recipe names none.
    [<RecipePath; Display(Prompt = "FILE")>]
    member val TeacherWeights: string = null with get, set

    /// The source whose prompts are answered. Default: test.
    [<Required; MinLength(1)>]
    member val Source = "test" with get, set

    /// Prompts that are answered, from the source's beginning. 1 to 1,000,000; default 256.
    [<Range(1, 1_000_000); Display(Prompt = "N")>]
    member val Prompts = 256 with get, set

    /// The most tokens of an answer. 1 to 1,000,000; default 64.
    [<Range(1, 1_000_000); Display(Prompt = "N")>]
    member val NewTokens = 64 with get, set

    /// How many answers are shown. 0 to 100; default 3.
    [<Range(0, 100); Display(Prompt = "N")>]
    member val Show = 3 with get, set

/// Has a student answer prompts, by its likeliest tokens and by free draws, and a teacher judge the answers: what their tokens cost the
/// teacher, and how far the two are apart there.
[<Sealed;
  KdTool("judge-texts",
         Description = "Has a student answer prompts, and a teacher judge what it writes.",
         Paper =
             "Xu et al.: Speculative Knowledge Distillation: Bridging the Teacher-Student Gap Through Interleaved Sampling, ICLR 2025")>]
type JudgeTextsTool() =
    inherit Tool<JudgeTextsOptions>()

    let batch = 32

    let weights (role: string) (file: string) =
        if isNull file then
            []
        else
            [
                $"models.{role}.weights={JsonValue.Create(Path.GetFullPath file).ToJsonString()}"
            ]

    let settings temperature =
        { SamplerSettings.Of(SpeculativeKdOptions()) with
            StudentTemperature = temperature
            StudentTopP = 1.0
        }

    override this.Settings =
        let o = this.Options

        [|
            yield! weights Roles.Student o.StudentWeights
            yield! weights Roles.Teacher o.TeacherWeights
        |]

    // Sums over answers' tokens: how many, the teacher's nats, KL(teacher || student).
    member private this.Judge(step: IStepContext, ends: int64, prompts: int64[][], temperature: double) =
        let most = this.Options.NewTokens

        let limits =
            let positions =
                min (step.Writer Roles.Student).Positions (step.Writer Roles.Teacher).Positions

            prompts
            |> Array.map (fun p -> min (int64 p.Length + int64 most) positions |> int)

        let drawn = DrawnNumbers(step.Random.Derive "texts", prompts.Length, most)

        use reader =
            new CachedReader(step.Writer Roles.Student, prompts.Length, step.Device)

        let texts =
            InterleavedSampler.own
                (settings temperature)
                reader
                (GrowingTexts(prompts, limits, ends))
                drawn
                step.Device
                step.Cancellation

        let numbers = Array.create prompts.Length -1L

        let made =
            TokenBatches.Of(texts.Texts, prompts |> Array.map _.Length, ReadOnlySpan numbers).To step.Device

        let target = made.Target :?> TokenTarget

        let logs (role: string) : torch.Tensor =
            (step.Consult(role, made, null)).Logits.to_type(torch.ScalarType.Float64).log_softmax -1L

        let p, q = logs Roles.Teacher, logs Roles.Student

        let sum (each: torch.Tensor) = each.masked_select(target.Mask).sum().item<double>()

        let nats = p.gather(-1L, target.Ids.unsqueeze -1L).squeeze(-1L).neg()
        let kl = (p.exp().mul(p - q)).sum -1L
        struct (float (target.Mask.sum().item<int64>()), sum nats, sum kl, texts.Texts)

    /// Raises KDP0304 where the data are no texts, KDP0306 where a network is no causal language model or has no weights.
    override this.Run context =
        let o, asker = this.Options, this.Asker
        use run = context.Compose([| Roles.Teacher; Roles.Student |], [||])
        let vocabulary = run.Data.Vocabulary

        if run.Data.Target <> TargetKind.Tokens then
            raise (
                this.Asker.Refusal(
                    CoreErrors.TargetKind,
                    $"answers prompts; the data set gives {run.Data.Kind} with {run.Data.Target} targets.",
                    "Take a data set of texts."
                )
            )

        let count = min (int64 o.Prompts) (run.SourceCount o.Source)
        let shown = JsonArray()
        // By the way of writing: tokens, nats, KL.
        let sums =
            [
                "greedy", 0.0, Array.zeroCreate<double> 3
                "free", 1.0, Array.zeroCreate<double> 3
            ]

        let text (ids: int64[]) = String.Join("", ids |> Seq.map (fun i -> vocabulary[int i]))

        run.Steps(
            "judge-texts",
            (count + int64 batch - 1L) / int64 batch,
            fun step ->
                let first = step.Progress.Step * int64 batch
                let rows = [| first .. min count (first + int64 batch) - 1L |]

                let struct (texts, lengths) =
                    TokenBatches.Read(step.Read(o.Source, ReadOnlyMemory rows), asker)

                let prompts = Array.map2 (fun (t: int64[]) n -> Array.sub t 0 n) texts lengths

                for name, temperature, sum in sums do
                    let struct (tokens, nats, kl, written) =
                        this.Judge(step, run.Data.EndToken, prompts, temperature)

                    sum[0] <- sum[0] + tokens
                    sum[1] <- sum[1] + nats
                    sum[2] <- sum[2] + kl

                    if name = "greedy" then
                        for answer in written do
                            if shown.Count < o.Show then
                                shown.Add(JsonValue.Create(text answer))
        )

        let values = JsonObject()
        values["prompts"] <- JsonValue.Create count

        for name, _, sum in sums do
            values[$"{name}-tokens"] <- ToolOutput.Number sum[0]
            values[$"{name}-teacher-nats"] <- ToolOutput.Number(sum[1] / max 1.0 sum[0])
            values[$"{name}-divergence"] <- ToolOutput.Number(sum[2] / max 1.0 sum[0])

        let line (name: string) =
            let value (what: string) = (values[$"{name}-{what}"]).GetValue<double>()

            let nats, kl, tokens =
                value "teacher-nats", value "divergence", int64 (value "tokens")

            $"{name}: {nats:F4} nats a token for the teacher, KL(teacher || student) {kl:F4}, {tokens} tokens"

        let said =
            String.Join(Environment.NewLine, Seq.append [ line "greedy"; line "free" ] (shown |> Seq.map string))

        values["texts"] <- shown
        ToolOutput("judged-texts", values, said)
