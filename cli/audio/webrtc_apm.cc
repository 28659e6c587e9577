// SPDX-License-Identifier: Apache-2.0
#include "webrtc_apm.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>

#ifdef SOTTO_WEBRTC_1
#include <modules/audio_processing/include/audio_processing.h>
#ifdef SOTTO_WEBRTC_TG_OWT
#include <rtc_base/logging.h>
#include <system_wrappers/include/field_trial.h>
#endif
#else
#include <webrtc/common.h>
#include <webrtc/modules/audio_processing/include/audio_processing.h>
#endif

namespace
{

constexpr int kRate = 48000;
constexpr float kFullScale = 32768.0F;

// Of the digital gain control: speech is brought to about this many dB below full scale, by at
// most this gain.
constexpr int kTargetDbfs = 6;
constexpr int kGainMaxDb = 9;

#ifdef SOTTO_WEBRTC_1

using module_ptr = rtc::scoped_refptr<webrtc::AudioProcessing>;

void prepare_library()
{
#ifdef SOTTO_WEBRTC_TG_OWT
    static const bool once = [] {
        rtc::LogMessage::LogToDebug(rtc::LS_NONE); // not on our standard error
        // Its checks are compiled in, and one fails where denormals cannot be flushed: in valgrind.
        webrtc::field_trial::InitFieldTrialsFromString(
            "WebRTC-ApmDenormalDisablerKillSwitch/Enabled/");
        return true;
    }();
    static_cast<void>(once);
#endif
}

module_ptr make_module()
{
    prepare_library();
    // 1.x hands out an object that nobody holds yet, a newer one a reference.
    module_ptr module(webrtc::AudioProcessingBuilder().Create());
    if (module.get() == nullptr) {
        return nullptr;
    }
    webrtc::AudioProcessing::Config config;
    config.high_pass_filter.enabled = true;
    config.echo_canceller.enabled = true;
    config.noise_suppression.enabled = true;
    config.noise_suppression.level = webrtc::AudioProcessing::Config::NoiseSuppression::kHigh;
    config.gain_controller1.enabled = true;
    config.gain_controller1.mode =
        webrtc::AudioProcessing::Config::GainController1::kAdaptiveDigital;
    config.gain_controller1.target_level_dbfs = kTargetDbfs;
    config.gain_controller1.compression_gain_db = kGainMaxDb;
    config.gain_controller1.analog_gain_controller.enabled = false;
#ifndef SOTTO_WEBRTC_TG_OWT
    config.residual_echo_detector.enabled = false; // later ones have none
#endif
    module->ApplyConfig(config);
    return module;
}

#else

using module_ptr = std::unique_ptr<webrtc::AudioProcessing>;

module_ptr make_module()
{
    webrtc::Config config;
    config.Set<webrtc::ExtendedFilter>(new webrtc::ExtendedFilter(true));
    config.Set<webrtc::DelayAgnostic>(new webrtc::DelayAgnostic(true));
    module_ptr module(webrtc::AudioProcessing::Create(config));
    if (module == nullptr) {
        return nullptr;
    }
    const webrtc::ProcessingConfig formats = {{
        webrtc::StreamConfig(kRate, 1),
        webrtc::StreamConfig(kRate, 1),
        webrtc::StreamConfig(kRate, 1),
        webrtc::StreamConfig(kRate, 1),
    }};
    module->Initialize(formats);
    module->high_pass_filter()->Enable(true);
    module->echo_cancellation()->enable_drift_compensation(false);
    // More of it takes the near voice away, too, when both speak: measured by bench/audio.
    module->echo_cancellation()->set_suppression_level(webrtc::EchoCancellation::kLowSuppression);
    module->echo_cancellation()->Enable(true);
    module->noise_suppression()->set_level(webrtc::NoiseSuppression::kHigh);
    module->noise_suppression()->Enable(true);
    module->gain_control()->set_mode(webrtc::GainControl::kAdaptiveDigital);
    module->gain_control()->set_target_level_dbfs(kTargetDbfs);
    module->gain_control()->set_compression_gain_db(kGainMaxDb);
    module->gain_control()->Enable(true);
    return module;
}

#endif

} // namespace

struct webrtc_apm {
    module_ptr module;
    float frame[WEBRTC_APM_FRAME_SAMPLES];
};

static void to_float(struct webrtc_apm *a, const int16_t *pcm)
{
    std::transform(pcm, pcm + WEBRTC_APM_FRAME_SAMPLES, a->frame,
                   [](int16_t s) { return static_cast<float>(s) / kFullScale; });
}

struct webrtc_apm *webrtc_apm_new(void)
{
    auto *a = new (std::nothrow) webrtc_apm();
    if (a == nullptr) {
        return nullptr;
    }
    a->module = make_module();
    if (a->module.get() == nullptr) {
        delete a;
        return nullptr;
    }
    return a;
}

void webrtc_apm_free(struct webrtc_apm *a)
{
    if (a != nullptr) {
        std::fill(a->frame, a->frame + WEBRTC_APM_FRAME_SAMPLES, 0.0F);
        delete a;
    }
}

void webrtc_apm_render(struct webrtc_apm *a, const int16_t pcm[WEBRTC_APM_FRAME_SAMPLES])
{
    const webrtc::StreamConfig format(kRate, 1);
    float *channels[] = {a->frame};
    to_float(a, pcm);
    a->module->ProcessReverseStream(channels, format, format, channels);
}

void webrtc_apm_capture(struct webrtc_apm *a, int16_t pcm[WEBRTC_APM_FRAME_SAMPLES],
                        unsigned delay_ms)
{
    const webrtc::StreamConfig format(kRate, 1);
    float *channels[] = {a->frame};
    to_float(a, pcm);
    a->module->set_stream_delay_ms(
        static_cast<int>(std::min<unsigned>(delay_ms, WEBRTC_APM_DELAY_MAX_MS)));
    if (a->module->ProcessStream(channels, format, format, channels) != 0) {
        return; // the frame stays as it was
    }
    std::transform(a->frame, a->frame + WEBRTC_APM_FRAME_SAMPLES, pcm, [](float s) {
        return static_cast<int16_t>(
            std::lround(std::clamp(s * kFullScale, -kFullScale, kFullScale - 1)));
    });
}

const char *webrtc_apm_name(void)
{
#ifdef SOTTO_WEBRTC_1
    return "WebRTC AEC3";
#else
    return "WebRTC AEC";
#endif
}
