using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Text;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SpeculativeKd.Tests;

/// <summary>Texts that a student proposes and a teacher corrects.</summary>
public sealed class SamplerTests : IDisposable
{
    private const int Words = 9;
    private const int End = 8;
    private const int Limit = 14;
    private static readonly long[][] Prompts =
    [
        [1, 2, 3],
        [4],
        [5, 6],
        [0, 0, 7, 7, 1],
    ];
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly IDisposable _quiet = no_grad();
    private readonly ICausalLanguageModel _student = Network(1, 1);
    private readonly ICausalLanguageModel _teacher = Network(2, 2);

    public void Dispose()
    {
        _quiet.Dispose();
        _scope.Dispose();
    }

    private static ICausalLanguageModel Network(int layers, ulong seed)
    {
        using var random = RandomScope.Use(seed);
        var data = new DataInfo(
            InputKind.Tokens,
            [-1],
            TargetKind.Tokens,
            Words,
            [],
            [],
            [],
            [.. Enumerable.Range(0, Words).Select(i => $"{i}")]
        );
        var options = new Gpt2Options
        {
            Layers = layers,
            Heads = 2,
            Width = 8,
            Positions = 32,
        };
        var net = (ICausalLanguageModel)Stubs.Plugin<Gpt2Plugin>(options).Create(new([-1], Words, data));
        foreach (var p in net.Module.parameters())
            p.add_(randn(p.shape) * 0.5);
        net.Module.eval();
        return net;
    }

    private static SamplerSettings Settings(long k, int draft = 4, double mass = 0) =>
        new(
            mass > 0 ? AcceptanceRule.BelowMass : AcceptanceRule.TopK,
            k,
            mass,
            0,
            draft,
            TestedToken.Drafted,
            RankedScores.Raw,
            1,
            1,
            1,
            1
        );

    private static GrowingTexts Texts(long[][]? prompts = null, long ends = End) =>
        new(prompts ?? Prompts, [.. (prompts ?? Prompts).Select(p => p.Length + Limit)], ends);

    private SampledTexts Speculate(SamplerSettings settings, long[][]? prompts = null, long ends = End)
    {
        var rows = (prompts ?? Prompts).Length;
        using var student = new CachedReader(_student, rows, CPU);
        using var teacher = new CachedReader(_teacher, rows, CPU);
        return InterleavedSampler.speculate(
            settings,
            student,
            teacher,
            Texts(prompts, ends),
            new(new(7), rows, Limit),
            CPU,
            default
        );
    }

    private SampledTexts Own(SamplerSettings settings, ICausalLanguageModel? writer = null)
    {
        using var reader = new CachedReader(writer ?? _student, Prompts.Length, CPU);
        return InterleavedSampler.own(settings, reader, Texts(), new(new(7), Prompts.Length, Limit), CPU, default);
    }

    // The plain rule with a pass over the whole text for every token, in place of drafts and caches.
    private (long[] Text, bool[] IsTeachers) Slow(SamplerSettings o, int row, DrawnNumbers drawn)
    {
        var (text, isTeachers) = (Prompts[row].ToList(), new List<bool>());
        Tensor Last(ICausalLanguageModel net) =>
            net.Forward(tensor(text.ToArray()).unsqueeze(0), null!, []).Logits[.., -1];
        while (isTeachers.Count < Limit && (isTeachers.Count == 0 || text[^1] != End))
        {
            var place = isTeachers.Count;
            var (student, teacher) = (Last(_student), Last(_teacher));
            var token = Drawing.At(
                Drawing.Warped(student, o.StudentTemperature, o.StudentTopP),
                tensor(new[] { drawn.Student(row, place) })
            );
            var kept = teacher[0]
                .argsort(descending: true)
                .data<long>()
                .ToArray()
                .Take((int)o.K)
                .Contains(token.item<long>());
            if (!kept)
                token = Drawing.At(
                    Drawing.Warped(teacher, o.TeacherTemperature, o.TeacherTopP),
                    tensor(new[] { drawn.Teacher(row, place) })
                );
            text.Add(token.item<long>());
            isTeachers.Add(!kept);
        }
        return ([.. text], [.. isTeachers]);
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(2, 1)]
    [InlineData(3, 4)]
    [InlineData(5, 7)]
    [InlineData(Words, 5)]
    public void Drafts_and_caches_give_what_the_plain_rule_gives(long k, int draft)
    {
        var found = Speculate(Settings(k, draft));
        var drawn = new DrawnNumbers(new(7), Prompts.Length, Limit);
        for (var row = 0; row < Prompts.Length; row++)
        {
            var (text, isTeachers) = Slow(Settings(k, draft), row, drawn);
            Assert.Equal(text, found.Texts[row]);
            Assert.Equal(isTeachers, found.IsTeachers[row]);
        }
        Assert.Equal(found.IsTeachers.Sum(r => r.Count(t => t)), found.Corrections);
        Assert.Equal(found.IsTeachers.Sum(r => r.Count(t => !t)), found.Accepted);
    }

    [Fact]
    public void Golden_1_with_all_tokens_kept_it_is_the_students_own_text()
    {
        var (all, own) = (Speculate(Settings(Words)), Own(Settings(Words)));
        Assert.Equal(own.Texts, all.Texts);
        Assert.Equal((0, 0.0), (all.Corrections, all.CorrectionRate));
        // A K beyond the vocabulary is the vocabulary.
        Assert.Equal(own.Texts, Speculate(Settings(10_000)).Texts);
    }

    [Fact]
    public void Golden_1_with_none_kept_every_token_is_the_teachers()
    {
        var none = Speculate(Settings(0));
        Assert.Equal((0, 1.0), (none.Accepted, none.CorrectionRate));
        Assert.All(none.IsTeachers, row => Assert.DoesNotContain(false, row));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Golden_2_tokens_that_stand_are_among_the_teachers_likeliest(long k)
    {
        var found = Speculate(Settings(k));
        Assert.InRange(found.CorrectionRate, 0.05, 0.95);
        for (var row = 0; row < Prompts.Length; row++)
        {
            var text = found.Texts[row];
            var logits = _teacher.Forward(tensor(text).unsqueeze(0), null!, []).Logits[0];
            for (var i = 0; i < found.IsTeachers[row].Length; i++)
            {
                var at = Prompts[row].Length + i;
                var rank = (logits[at - 1] > logits[at - 1, text[at]]).sum().item<long>();
                Assert.True(found.IsTeachers[row][i] || rank < k);
            }
        }
    }

    [Fact]
    public void A_text_is_the_same_alone_and_among_others()
    {
        // The first row's numbers do not depend on the others.
        var one = Speculate(Settings(3), [Prompts[0]]);
        Assert.Equal(Speculate(Settings(3)).Texts[0], one.Texts[0]);
    }

    [Fact]
    public void Texts_end_with_the_end_or_where_they_are_full()
    {
        // What the second text says last is the end from now on.
        var end = Speculate(Settings(3)).Texts[1][^1];
        var found = Speculate(Settings(3), ends: end);
        for (var row = 0; row < Prompts.Length; row++)
        {
            var answer = found.Texts[row][Prompts[row].Length..];
            Assert.Equal(Prompts[row], found.Texts[row][..Prompts[row].Length]);
            Assert.InRange(answer.Length, 1, Limit);
            Assert.DoesNotContain(end, answer[..^1]);
            Assert.True(answer.Length == Limit || answer[^1] == end);
        }
        Assert.Equal(end, found.Texts[1][^1]);
        Assert.True(found.Accepted + found.Corrections < Limit * Prompts.Length);
    }

    [Fact]
    public void The_ways_of_the_released_code_are_other_ways()
    {
        var plain = Speculate(Settings(3));
        var second = Settings(3);
        var changed = new SamplerSettings(
            second.Rule,
            3,
            0,
            0,
            4,
            TestedToken.SecondDraw,
            RankedScores.Raw,
            1,
            1,
            1,
            1
        );
        Assert.NotEqual(plain.Texts, Speculate(changed).Texts);
        // After a narrow nucleus all others rank alike: which of them are kept is a matter of their ids.
        var warped = new SamplerSettings(
            second.Rule,
            3,
            0,
            0,
            4,
            TestedToken.Drafted,
            RankedScores.Warped,
            1,
            1,
            1,
            0.1
        );
        var raw = new SamplerSettings(second.Rule, 3, 0, 0, 4, TestedToken.Drafted, RankedScores.Raw, 1, 1, 1, 0.1);
        Assert.NotEqual(Speculate(raw).Texts, Speculate(warped).Texts);
    }
}
