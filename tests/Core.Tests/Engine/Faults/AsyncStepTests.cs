using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Faults;

/// <summary>A step is done when it returns, on the thread that called it.</summary>
public sealed class AsyncStepTests : FaultRuns
{
    [Fact]
    public void An_async_step_is_refused_before_its_first()
    {
        var began = false;
        Now.Plan = context =>
        {
            var student = context.TrainableOf(Roles.Student);
            return
            [
                new(
                    "main",
                    StageLength.Steps(3),
                    async step =>
                    {
                        began = true;
                        await Task.Yield();
                        Learn(step, student);
                    }
                )
                {
                    Trainables = [student],
                    Trains = [Roles.Student],
                },
            ];
        };
        Fails(PluginErrors.Asynchronous, "Strategy 'faulty', stage 'main': its step is an async method");
        Assert.False(began);
    }

    [Fact]
    public void A_method_of_async_void_that_a_step_calls()
    {
        // What it raises would end the process where nobody looks.
        async void Fire()
        {
            await Task.Delay(20);
            throw new InvalidOperationException("late");
        }
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    Learn(step, student);
                    Fire();
                }
            );
        Fails(PluginErrors.Asynchronous, "stage 'main'", "async void", "stage main, step 0 of 3");
        Thread.Sleep(60);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_task_that_nobody_awaits(bool anywhere)
    {
        async Task Later(IStepContext step, Trainable student)
        {
            await Task.Delay(1).ConfigureAwait(!anywhere);
            Learn(step, student);
        }
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    _ = Later(step, student);
                    Thread.Sleep(30);
                },
                20
            );
        var failure = Assert.Throws<KdException>(() => Run(Recipe()));
        Assert.Contains(failure.Code.Id, new[] { "KDP0743", "KDP0744" });
        Assert.Contains("Strategy 'faulty', stage 'main'", failure.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_context_on_another_thread(bool waits)
    {
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    // A task that is waited for at once may run on this thread after all.
                    var task = Task.Run(() => step.Update([student], () => zeros(1, requires_grad: true)));
                    SpinWait.SpinUntil(() => task.IsCompleted, 5000);
                    if (waits)
                        task.GetAwaiter().GetResult();
                }
            );
        Fails(PluginErrors.Misused, "stage 'main': Update of the context of stage main, step 0", "on another thread");
    }

    [Fact]
    public void A_context_that_is_kept_for_the_next_step()
    {
        IStepContext? kept = null;
        Now.Plan = context => Training(context, (step, student) => Learn(kept ??= step, student));
        Fails(PluginErrors.Misused, "of stage main, step 0 of 3", "after the step had ended");
    }

    [Fact]
    public void A_loss_that_keeps_its_context()
    {
        ILossContext? kept = null;
        Now.Loss = c =>
        {
            kept ??= c;
            kept.Report("own", c.Student.Logits.mean());
            return c.Student.Logits.square().mean();
        };
        Now.Plan = context => Training(context, Learn);
        Fails(PluginErrors.Misused, "Report of the context of stage main, step 0", "after the step had ended");
    }

    [Fact]
    public void Waiting_for_a_task_in_a_step_is_no_fault()
    {
        async Task<float> Read()
        {
            await Task.Delay(1);
            await Task.Yield();
            return 2;
        }
        Now.Plan = context =>
            Training(
                context,
                (step, student) => step.Update([student], () => Objective(step) * Read().GetAwaiter().GetResult())
            );
        Run(Recipe());
        Assert.Null(SynchronizationContext.Current as StepContinuations);
    }
}
